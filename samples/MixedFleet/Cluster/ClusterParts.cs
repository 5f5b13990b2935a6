#if !FULLSTACK
using MixedFleet.CommandLine;
#endif
using MixedFleet.Launch;
using MixedFleet.Training;
#if FULLSTACK
using MixedFleet.Cluster.Actors;
#endif

namespace MixedFleet.Cluster;

/// <summary>What the sample has of Akka.NET, in builds that have it.</summary>
internal static class ClusterParts
{
#if FULLSTACK
    /// <summary>Why there is none; null where there is.</summary>
    public static string? WhyLeftOut => null;

    /// <summary>Starts guardians as processes, or finds those that run.</summary>
    /// <param name="settings">The run.</param>
    /// <param name="words">The command line as it was typed, for guardian processes.</param>
    /// <exception cref="GuardUnavailableException">They can't be had.</exception>
    public static async Task<IRunGuard> StartGuardAsync(RunSettings settings, IReadOnlyList<string> words) =>
        await ClusterGuard.StartAsync(settings, words).ConfigureAwait(false);

    /// <summary>This process as one of the launcher's guardians.</summary>
    /// <returns>See <see cref="CommandLine.ExitCodes"/>.</returns>
    public static Task<int> RunGuardianAsync(RunSettings settings) => new GuardianProcess(settings).RunAsync();

    /// <summary>What a rank's process trains by.</summary>
    /// <param name="run">The run, with the job's name.</param>
    /// <param name="guardians">All of them, as <c>cluster.guardians</c>.</param>
    public static IRankEngine StartEngine(RunSettings run, string guardians) => ActorEngine.Start(run, guardians);
#else
    /// <summary>Why there is none; null where there is.</summary>
    public static string? WhyLeftOut => "this build was made without Akka.NET: build with -p:FullStack=true";

    /// <summary>See the full stack.</summary>
    public static Task<IRunGuard> StartGuardAsync(RunSettings settings, IReadOnlyList<string> words) =>
        throw new GuardUnavailableException($"--fabric akka: {WhyLeftOut}", ExitCodes.BadInput);

    /// <summary>See the full stack.</summary>
    public static Task<int> RunGuardianAsync(RunSettings settings) => Task.FromResult(ExitCodes.BadInput);

    /// <summary>See the full stack.</summary>
    public static IRankEngine StartEngine(RunSettings run, string guardians) =>
        throw new GuardUnavailableException($"--fabric akka: {WhyLeftOut}", ExitCodes.BadInput);
#endif
}
