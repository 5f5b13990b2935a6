using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>What the desk knows of a job when it looks for something to do. Lists have one entry a member, by its number.</summary>
internal sealed record DeskView
{
    public required long Step { get; init; }

    /// <summary>As <see cref="MitigationInput.NowSeconds"/>.</summary>
    public required double NowSeconds { get; init; }

    public required JobPlan InForce { get; init; }

    public required MemberView Members { get; init; }

    /// <summary>s a micro-batch; NaN where unknown.</summary>
    public required ReadOnlyMemory<double> SecondsPerUnit { get; init; }

    /// <summary>What a step takes beyond the slowest member's own work, s.</summary>
    public required double CommonSeconds { get; init; }

    /// <summary>What a step takes now, s, above 0.</summary>
    public required double StepSeconds { get; init; }

    /// <summary>What the rebalance policy says.</summary>
    public required PolicyDecision Rebalance { get; init; }

    /// <summary>Members with a standing verdict, and since which step.</summary>
    public required IReadOnlyList<(int Number, long OnsetStep)> Flagged { get; init; }

    /// <summary>Workers in no group, by slot.</summary>
    public required IReadOnlyDictionary<int, StandbyReport> Standby { get; init; }

    /// <summary>The class that each member computes on; the first rank's, of several.</summary>
    public required IReadOnlyList<DeviceClass> Classes { get; init; }

    /// <summary>For which ranks their class stands in, in words; null where for none.</summary>
    public string? Priors { get; init; }

    /// <summary>When a step was, by <see cref="NowSeconds"/>: as many steps ago as it is.</summary>
    public double SecondsAt(long step) => NowSeconds - (Math.Max(0, Step - step) * StepSeconds);

    /// <summary>What a step takes under a deal, s.</summary>
    public double StepSecondsUnder(ReadOnlySpan<int> shares)
    {
        double longest = 0;
        for (int member = 0; member < shares.Length; member++)
        {
            longest = Math.Max(longest, shares[member] * SecondsPerUnit.Span[member]);
        }

        return CommonSeconds + longest;
    }
}
