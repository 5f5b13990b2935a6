using System.Text.RegularExpressions;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using StragglerGuard.Core;

namespace StragglerGuard.Ilgpu;

/// <summary>A device that an <see cref="IlgpuPlatform"/> found.</summary>
public sealed partial class IlgpuDeviceDescription
{
    internal IlgpuDeviceDescription(Device device)
    {
        Device = device;
        (Backend, Name, DeviceClass) = device switch
        {
            CudaDevice cuda => (IlgpuBackends.Cuda, cuda.Name, ClassOf(cuda.Name, CapabilityOf(cuda.Architecture))),
            CLDevice openCl => (IlgpuBackends.OpenCL, openCl.Name, ClassOf(openCl.Name, "OpenCL")),
            _ => (IlgpuBackends.Simulator, "ILGPU simulator", new DeviceClass("ILGPU simulator")),
        };
    }

    /// <summary>Through what it is reached.</summary>
    public IlgpuBackends Backend { get; }

    /// <summary>What it calls itself.</summary>
    public string Name { get; }

    /// <summary>
    /// The class that its ranks are compared within: its name without the vendor's, and on CUDA its compute capability, such as
    /// <c>H100 80GB HBM3 sm_90</c>. Memory and form stay in it, as variants of a chip differ in speed.
    /// </summary>
    public DeviceClass DeviceClass { get; }

    internal Device Device { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Backend})";

    internal static DeviceClass ClassOf(string name, string? capability)
    {
        string model = Vendor().Replace(Blanks().Replace(name, " ").Trim(), "");
        model = model.Length == 0 ? "unnamed" : model;
        return new DeviceClass(capability is null ? model : $"{model} {capability}");
    }

    private static string? CapabilityOf(CudaArchitecture? architecture) =>
        architecture is { } known ? FormattableString.Invariant($"sm_{known.Major}{known.Minor}") : null;

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"^(NVIDIA( Corporation)?|AMD|Advanced Micro Devices, Inc\.|Intel(\(R\))?( Corporation)?) ", RegexOptions.IgnoreCase)]
    private static partial Regex Vendor();
}
