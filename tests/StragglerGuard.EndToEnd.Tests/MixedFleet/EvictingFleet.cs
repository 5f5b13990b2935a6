using StragglerGuard.EndToEnd.Tests.Running;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

/// <summary>Four equal processes whose guard may evict.</summary>
internal static class EvictingFleet
{
    public const int Ranks = 4;

    public static string[] Arguments(ScratchFolder folder, string steps) =>
    [
        "--processes", "--fleet", folder.WriteEquals(Ranks, paceMs: 5), "--micro-batches", "16", "--steps", steps, "--mitigate", "evict",
        "--options", folder.Write("guard.json", """
            {
              "agent": { "intervalMs": 50 },
              "mitigation": { "regroupSeconds": 0.2, "probationSeconds": 0.5, "evictionsPerHour": 10 },
              "collectives": { "timeoutSeconds": 2 }
            }
            """),
    ];
}
