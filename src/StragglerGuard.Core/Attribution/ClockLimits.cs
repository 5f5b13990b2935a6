namespace StragglerGuard.Core.Attribution;

/// <summary>Why a device's clock is not higher, as its driver says.</summary>
[Flags]
public enum ClockLimits
{
    /// <summary>Nothing holds it.</summary>
    None = 0,

    /// <summary>It has nothing to do: the clock says nothing about work.</summary>
    Idle = 1,

    /// <summary>An administrator set it.</summary>
    Settings = 2,

    /// <summary>The power limit, which under full load is quite ordinary.</summary>
    PowerCap = 4,

    /// <summary>The hardware slowed itself, by half or more: heat, power brake or supply.</summary>
    HardwareSlowdown = 8,

    /// <summary>It follows other devices' clocks.</summary>
    SyncBoost = 16,

    /// <summary>Heat, by software.</summary>
    Thermal = 32,

    /// <summary>Heat, by hardware.</summary>
    HardwareThermal = 64,

    /// <summary>An external power brake.</summary>
    PowerBrake = 128,

    /// <summary>A display that hangs on it.</summary>
    Display = 256,

    /// <summary>Those of heat and power.</summary>
    HeatOrPower = PowerCap | HardwareSlowdown | Thermal | HardwareThermal | PowerBrake,
}
