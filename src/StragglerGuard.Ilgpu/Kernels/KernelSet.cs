using ILGPU;
using ILGPU.Runtime;

namespace StragglerGuard.Ilgpu.Kernels;

/// <summary>The kernels of one element type, compiled for one accelerator.</summary>
internal sealed class KernelSet<T>
    where T : unmanaged
{
    private KernelSet(
        Action<AcceleratorStream, KernelConfig, ArrayView<T>, ArrayView<T>, ArrayView<T>, T, T, GemmShape> gemm,
        Action<AcceleratorStream, KernelConfig, ArrayView<T>, ArrayView<T>> add,
        Action<AcceleratorStream, KernelConfig, ArrayView<T>, T> scale)
    {
        Gemm = gemm;
        Add = add;
        Scale = scale;
    }

    /// <summary>See <see cref="GemmKernel"/>.</summary>
    public Action<AcceleratorStream, KernelConfig, ArrayView<T>, ArrayView<T>, ArrayView<T>, T, T, GemmShape> Gemm { get; }

    /// <summary>destination ← destination + source.</summary>
    public Action<AcceleratorStream, KernelConfig, ArrayView<T>, ArrayView<T>> Add { get; }

    /// <summary>destination ← factor · destination.</summary>
    public Action<AcceleratorStream, KernelConfig, ArrayView<T>, T> Scale { get; }

    /// <summary>Compiles all of them: on a GPU, from intermediate code to the chip's own.</summary>
    public static KernelSet<T> Compile<TArithmetic>(Accelerator accelerator)
        where TArithmetic : struct, IArithmetic<T> =>
        new(
            accelerator.LoadKernel<ArrayView<T>, ArrayView<T>, ArrayView<T>, T, T, GemmShape>(GemmKernel.Run<T, TArithmetic>),
            accelerator.LoadKernel<ArrayView<T>, ArrayView<T>>(ElementKernels.Add<T, TArithmetic>),
            accelerator.LoadKernel<ArrayView<T>, T>(ElementKernels.Scale<T, TArithmetic>));
}
