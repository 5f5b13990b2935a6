namespace StragglerGuard.Ilgpu.Kernels;

/// <summary>What kernels calculate with; a struct for each element type, so that the compiler of kernels sees the type.</summary>
internal interface IArithmetic<T>
    where T : unmanaged
{
    T Add(T x, T y);

    T Multiply(T x, T y);
}

/// <summary>fp32.</summary>
internal readonly struct SingleArithmetic : IArithmetic<float>
{
    public float Add(float x, float y) => x + y;

    public float Multiply(float x, float y) => x * y;
}

/// <summary>fp64.</summary>
internal readonly struct DoubleArithmetic : IArithmetic<double>
{
    public double Add(double x, double y) => x + y;

    public double Multiply(double x, double y) => x * y;
}
