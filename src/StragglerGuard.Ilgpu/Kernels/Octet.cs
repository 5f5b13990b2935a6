namespace StragglerGuard.Ilgpu.Kernels;

/// <summary>Eight elements in registers. Fields and not an array: kernels address arrays through memory.</summary>
internal struct Octet<T>
    where T : unmanaged
{
    public T E0;
    public T E1;
    public T E2;
    public T E3;
    public T E4;
    public T E5;
    public T E6;
    public T E7;

    /// <summary>sum + factor · row.</summary>
    public static Octet<T> MultiplyAdd<TArithmetic>(Octet<T> sum, T factor, Octet<T> row)
        where TArithmetic : struct, IArithmetic<T>
    {
        TArithmetic arithmetic = default;
        Octet<T> result;
        result.E0 = arithmetic.Add(sum.E0, arithmetic.Multiply(factor, row.E0));
        result.E1 = arithmetic.Add(sum.E1, arithmetic.Multiply(factor, row.E1));
        result.E2 = arithmetic.Add(sum.E2, arithmetic.Multiply(factor, row.E2));
        result.E3 = arithmetic.Add(sum.E3, arithmetic.Multiply(factor, row.E3));
        result.E4 = arithmetic.Add(sum.E4, arithmetic.Multiply(factor, row.E4));
        result.E5 = arithmetic.Add(sum.E5, arithmetic.Multiply(factor, row.E5));
        result.E6 = arithmetic.Add(sum.E6, arithmetic.Multiply(factor, row.E6));
        result.E7 = arithmetic.Add(sum.E7, arithmetic.Multiply(factor, row.E7));
        return result;
    }
}
