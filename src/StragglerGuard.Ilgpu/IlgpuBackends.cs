namespace StragglerGuard.Ilgpu;

/// <summary>Through what a device is reached.</summary>
[Flags]
public enum IlgpuBackends
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>NVIDIA's driver.</summary>
    Cuda = 1,

    /// <summary>An OpenCL driver with the generic address space (OpenCL 2.0, or 3.0 with that feature).</summary>
    OpenCL = 2,

    /// <summary>ILGPU's simulator on the host's processor: right, and far too slow for work.</summary>
    Simulator = 4,

    /// <summary>All of them.</summary>
    All = Cuda | OpenCL | Simulator,
}
