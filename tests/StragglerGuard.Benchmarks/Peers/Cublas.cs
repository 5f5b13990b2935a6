#if FULLSTACK
using System.Runtime.InteropServices;
using StragglerGuard.Ilgpu;

namespace StragglerGuard.Benchmarks.Peers;

/// <summary>NVIDIA's own product of matrices, in fp32 without TF32, as far as it is needed for a comparison.</summary>
internal sealed unsafe class Cublas : IDisposable
{
    private const int AsStored = 0;
    private static readonly string[] s_files = ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so", "cublas64_12.dll"];

    private readonly nint _library;
    private readonly nint _handle;

    private Cublas(nint library, IlgpuDevice device)
    {
        _library = library;
        device.Bind();
        nint handle;
        ThrowIfFailed(((delegate* unmanaged<nint*, int>)Export("cublasCreate_v2"))(&handle));
        _handle = handle;
        ThrowIfFailed(((delegate* unmanaged<nint, nint, int>)Export("cublasSetStream_v2"))(handle, device.NativeStream));
    }

    /// <summary>Opens it on a device's stream; null where it is not installed.</summary>
    public static Cublas? TryOpen(IlgpuDevice device)
    {
        foreach (string file in s_files)
        {
            if (NativeLibrary.TryLoad(file, out nint library))
            {
                return new Cublas(library, device);
            }
        }

        return null;
    }

    /// <summary>C ← A·B, square and row-major; may still run when it returns.</summary>
    /// <param name="order">Rows and columns.</param>
    /// <param name="a">Address on the device.</param>
    /// <param name="b">Address on the device.</param>
    /// <param name="c">Address on the device.</param>
    public void Multiply(int order, nint a, nint b, nint c)
    {
        float one = 1;
        float zero = 0;

        // It counts by columns: the transposed of a product is the product of the transposed in the other order.
        ThrowIfFailed(((delegate* unmanaged<nint, int, int, int, int, int, float*, nint, int, nint, int, float*, nint, int, int>)Export("cublasSgemm_v2"))(
            _handle, AsStored, AsStored, order, order, order, &one, b, order, a, order, &zero, c, order));
    }

    public void Dispose() => _ = ((delegate* unmanaged<nint, int>)Export("cublasDestroy_v2"))(_handle);

    private static void ThrowIfFailed(int status)
    {
        if (status != 0)
        {
            throw new InvalidOperationException($"cuBLAS failed with status {status}");
        }
    }

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);
}
#endif
