using ILGPU;

namespace StragglerGuard.Ilgpu.Kernels;

/// <summary>What is done element by element. A launch has fewer threads than elements: each takes every so-many-th.</summary>
internal static class ElementKernels
{
    public static void Add<T, TArithmetic>(ArrayView<T> source, ArrayView<T> destination)
        where T : unmanaged
        where TArithmetic : struct, IArithmetic<T>
    {
        TArithmetic arithmetic = default;
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; i < destination.Length; i += stride)
        {
            destination[i] = arithmetic.Add(destination[i], source[i]);
        }
    }

    public static void Scale<T, TArithmetic>(ArrayView<T> destination, T factor)
        where T : unmanaged
        where TArithmetic : struct, IArithmetic<T>
    {
        TArithmetic arithmetic = default;
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; i < destination.Length; i += stride)
        {
            destination[i] = arithmetic.Multiply(destination[i], factor);
        }
    }
}
