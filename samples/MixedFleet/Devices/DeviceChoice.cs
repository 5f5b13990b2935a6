namespace MixedFleet.Devices;

/// <summary>What the user wants ranks to compute on.</summary>
internal enum DeviceChoice
{
    /// <summary>The host's processor, one thread a rank.</summary>
    Cpu,

    /// <summary>What ILGPU finds: GPUs, else its simulator of one.</summary>
    Ilgpu,
}
