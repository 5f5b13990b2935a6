using System.Globalization;
using System.Net;
using MixedFleet.Fleet;
using MixedFleet.Pacing;
using MixedFleet.Training;
using StragglerGuard.Core.Policy;

namespace MixedFleet.Output;

/// <summary>What is said before the first step: what runs, and what of it is emulated.</summary>
internal static class RunPreface
{
    public static IEnumerable<string> Lines(
        RunSettings settings, bool processes, double realSecondsPerMicroBatch, PaceStretch stretch, IPEndPoint? metrics)
    {
        FleetDefinition fleet = settings.Fleet;
        yield return Say($"StragglerGuard MixedFleet: {fleet.Name}, {fleet.Ranks.Count} {(fleet.Ranks.Count == 1 ? "rank" : "ranks")} as {(processes ? "processes" : "threads")}");
        yield return Say(
            $"  text    {settings.Corpus.Description} ({settings.Corpus.Bytes.Length:N0} bytes), seed {settings.Seed}, model of {RunSettings.ModelShape.ParameterCount:N0} weights");
        foreach (string warning in settings.Corpus.Warnings)
        {
            yield return $"  left out: {warning}";
        }

        yield return Say(
            $"  batch   {settings.MicroBatches} micro-batches of {RunSettings.ModelShape.Samples} samples; one takes {realSecondsPerMicroBatch * 1e3:0.00} ms here");
        if (settings.Devices.Description is { } device)
        {
            yield return $"  device  {device}";
        }

        yield return Say($"  paces   {string.Join(", ", Paces(fleet))}");
        if (fleet.Ranks.Any(rank => rank.PaceSeconds is not null))
        {
            yield return "          paces are EMULATED: each rank really computes its micro-batch, then waits until its class's time is over";
        }

        foreach (string stall in settings.Stalls.Descriptions())
        {
            yield return $"  stalls  EMULATED, drawn from the seed: {stall}";
        }

        if (stretch.Factor > 1)
        {
            yield return Say(
                $"          all paces are stretched ×{stretch.Factor:0.00}: the real work may take {PaceStretch.CoreShareMax:P0} of the cores, and would take {stretch.CoreShare:P0}");
        }

        yield return Say($"  phases  {settings.Phases}");
        if (settings.GuardedMode != PolicyMode.Act)
        {
            yield return $"  mode    {settings.GuardedMode.ToString().ToLowerInvariant()}, once the observed steps are over: no plan is put in force";
        }

        if (settings.MayRegroup)
        {
            yield return Say(
                $"  groups  ranks may leave and come back; to form a group anew counts as {settings.Options.Mitigation.RegroupSeconds:0.###} s (mitigation.regroupSeconds): an emulated fleet is quick at it");
        }

        if (settings.CheckpointPath is { } checkpoint)
        {
            yield return Say($"  saved   every {settings.CheckpointEvery} steps and at the end to {checkpoint}");
        }

        if (metrics is not null)
        {
            yield return $"  metrics http://{metrics}/metrics";
        }
    }

    private static IEnumerable<string> Paces(FleetDefinition fleet) =>
        fleet.Ranks.GroupBy(rank => rank).Select(group => group.Key.PaceSeconds is { } pace
            ? Say($"{group.Count()} × {group.Key.DeviceClass} {pace * 1e3:0.####} ms")
            : $"{group.Count()} × {group.Key.DeviceClass} true compute");

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
