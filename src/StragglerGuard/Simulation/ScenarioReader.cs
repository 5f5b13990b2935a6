using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Simulation;

/// <summary>A scenario that holds, or everything that is wrong with it.</summary>
/// <param name="Scenario">The scenario; null where there are errors.</param>
/// <param name="Errors">Every error, in the order of the text; empty where there is a scenario.</param>
public sealed record ScenarioOutcome(Scenario? Scenario, IReadOnlyList<OptionsError> Errors);

/// <summary>Reads a scenario from JSON (comments and trailing commas allowed) and reports everything that is wrong with it at once.</summary>
/// <remarks>
/// <code>
/// {
///   "name": "one slow replica",
///   "fleet": [                          // replicas are numbered through in this order
///     { "class": "H100", "replicas": 16, "secondsPerMicroBatch": 0.25, "microBatchesMax": 96, "ranksPerReplica": 1 }
///   ],
///   "replicasPerNode": 8,               // one agent reports for them
///   "microBatches": 512,                // of a global batch
///   "noise": 0.01,                      // standard deviation of own work from step to step, share of the mean
///   "transferSeconds": 0.4,             // the step's collective after its last arrival, all links well
///   "fixedSeconds": 0.1,                // whatever else a step takes
///   "steps": 1000,                      // or "hours": 2
///   "seed": 1,
///   "mitigations": [ "rebalance", "evict" ],
///   "guard": { "mode": "act" },         // the keys of config/stragglerguard.json
///   "events": [
///     { "kind": "compute", "replicas": [ 3, "8-11" ], "factor": 1.7, "fromStep": 200, "toStep": 500 },
///     { "kind": "link", "replicas": [ 5 ], "factor": 2.0, "fromStep": 600 },
///     { "kind": "stall", "replicas": [ "0-15" ], "factor": 5, "probability": 0.1, "fromStep": 0 }
///   ]
/// }
/// </code>
/// Required are <c>fleet</c> with class, replicas and secondsPerMicroBatch, <c>microBatches</c>, and one of <c>steps</c> and <c>hours</c>. Events of one file are
/// timed by <c>fromStep</c> and <c>toStep</c> or by <c>fromSeconds</c> and <c>toSeconds</c>, the end excluded, all in the same way; without an end they last.
/// <c>comment</c> is allowed in every object. Unless the file says otherwise the guard's mode is <c>act</c>: to see what it would do is why one simulates.
/// </remarks>
public static class ScenarioReader
{
    /// <summary>The largest file that is read.</summary>
    /// <value>Bytes.</value>
    public const int MaximumBytes = 1 << 20;

    private const int EventsMax = 1_024;
    private const double SecondsMax = 3_600;
    private const double FactorMax = 100;

    private static readonly string[] KindNames = [.. Enum.GetNames<ScenarioEventKind>().Select(JsonNamingPolicy.CamelCase.ConvertName)];

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8.</param>
    /// <returns>The scenario, or every error: a file that isn't there or can't be read, malformed JSON, unknown, missing and repeated keys, values out of range, each with line, position and key.</returns>
    public static ScenarioOutcome ReadFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            if (Directory.Exists(path))
            {
                return Refuse(path, "is a directory, a JSON file is needed");
            }

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            byte[] room = new byte[MaximumBytes + 1];
            int length = stream.ReadAtLeast(room, room.Length, throwOnEndOfStream: false);
            return length > MaximumBytes
                ? Refuse(path, string.Create(CultureInfo.InvariantCulture, $"is larger than {MaximumBytes} bytes, which no scenario needs"))
                : ReadBytes(room.AsSpan(0, length), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refuse(path, "does not exist");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            return Refuse(path, $"can't be read: {e.Message}");
        }
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="utf8">UTF-8, with or without a byte order mark.</param>
    /// <param name="source">What the errors call it; its name without extension is the scenario's where that has none.</param>
    public static ScenarioOutcome ReadBytes(ReadOnlySpan<byte> utf8, string source)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        if (utf8.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8["\uFEFF"u8.Length..];
        }

        if (!Utf8.IsValid(utf8))
        {
            return Refuse(source, "is not UTF-8 text");
        }

        var json = new PlacedJson(utf8.ToArray());
        var faults = new ScenarioFaults(source, json);
        if (!json.TryParse(out PlacedValue? root, out int offset, out string problem))
        {
            faults.Add(offset, "", problem);
            return new ScenarioOutcome(null, faults.InOrder);
        }

        if (root.Kind != JsonValueKind.Object)
        {
            faults.Refuse(root, "", "an object");
            return new ScenarioOutcome(null, faults.InOrder);
        }

        Scenario scenario = Read(root, source, faults);
        return faults.None ? new ScenarioOutcome(scenario, []) : new ScenarioOutcome(null, faults.InOrder);
    }

    private static Scenario Read(PlacedValue root, string source, ScenarioFaults faults)
    {
        var fields = new ScenarioFields(
            faults, root, "", "name", "fleet", "replicasPerNode", "microBatches", "noise", "transferSeconds", "fixedSeconds", "steps", "hours", "seed",
            "mitigations", "guard", "events");
        string fileName = Path.GetFileNameWithoutExtension(source);
        var scenario = new Scenario
        {
            Name = fields.Text("name", fileName.Length is >= 1 and <= 64 ? fileName : "scenario"),
            Classes = ReadFleet(fields, faults),
            ReplicasPerNode = (int)fields.Whole("replicasPerNode", 1, 4_096, 8),
            MicroBatches = (int)fields.Whole("microBatches", 1, int.MaxValue / 2),
            Noise = fields.Number("noise", 0, 0.2, "", 0.01),
            TransferSeconds = fields.Number("transferSeconds", 0, SecondsMax, " s", 0),
            FixedSeconds = fields.Number("fixedSeconds", 0, SecondsMax, " s", 0),
            Steps = fields.Has("steps") ? fields.Whole("steps", 1, Scenario.StepsMax) : null,
            Hours = fields.Has("hours") ? fields.Number("hours", 1e-6, 100_000, " h") : null,
            Seed = fields.Whole("seed", 0, int.MaxValue, 1),
            Mitigations = ReadMitigations(fields, faults),
            Guard = ReadGuard(fields, faults),
        };
        if (scenario.Steps is null == scenario.Hours is null)
        {
            faults.Add(fields.PlaceOf("hours"), "steps", "one of steps and hours says how long the run is");
        }

        scenario = scenario with { Events = ReadEvents(fields, faults, scenario.Replicas) };
        if (faults.None)
        {
            ScenarioChecks.Check(scenario, fields, faults);
        }

        return scenario;
    }

    private static List<ReplicaClass> ReadFleet(ScenarioFields fields, ScenarioFaults faults)
    {
        const string needed = "an array of one class at least";
        List<ReplicaClass> classes = [];
        long ranks = 0;
        if (fields.Required("fleet", needed) is null)
        {
            return classes;
        }

        foreach ((PlacedValue value, string path) in fields.Objects("fleet"))
        {
            var one = new ScenarioFields(faults, value, path, "class", "replicas", "secondsPerMicroBatch", "microBatchesMax", "ranksPerReplica");
            classes.Add(new ReplicaClass(
                one.Text("class"), (int)one.Whole("replicas", 1, RankEnrollment.WorldSizeMax), one.Number("secondsPerMicroBatch", 1e-6, SecondsMax, " s"),
                (int)one.Whole("microBatchesMax", 1, int.MaxValue, int.MaxValue), (int)one.Whole("ranksPerReplica", 1, 4_096, 1)));
            ranks += (long)classes[^1].Replicas * classes[^1].RanksPerReplica;
        }

        if (classes.Count == 0 && faults.None)
        {
            faults.Add(fields.PlaceOf("fleet"), "fleet", $"is empty, allowed is {needed}");
        }
        else if (ranks > RankEnrollment.WorldSizeMax)
        {
            faults.Add(fields.PlaceOf("fleet"), "fleet", $"makes {ranks} ranks, allowed are {RankEnrollment.WorldSizeMax} at most");
        }

        return classes;
    }

    private static ScenarioMitigations ReadMitigations(ScenarioFields fields, ScenarioFaults faults)
    {
        const string allowed = "an array of \"rebalance\", \"evict\", \"deadline\" and \"backup\"";
        if (fields.Optional("mitigations") is not { } value)
        {
            return ScenarioMitigations.Rebalance;
        }

        if (value.Kind != JsonValueKind.Array)
        {
            faults.Refuse(value, "mitigations", allowed);
        }

        var mitigations = ScenarioMitigations.None;
        foreach (PlacedValue item in value.Items)
        {
            ScenarioMitigations named = item.Text switch
            {
                "rebalance" => ScenarioMitigations.Rebalance,
                "evict" => ScenarioMitigations.Evict,
                "deadline" => ScenarioMitigations.Deadline,
                "backup" => ScenarioMitigations.Backup,
                _ => ScenarioMitigations.None,
            };
            mitigations |= named;
            if (named == ScenarioMitigations.None)
            {
                faults.Refuse(item, "mitigations", allowed);
            }
        }

        return mitigations;
    }

    private static StragglerGuardOptions ReadGuard(ScenarioFields fields, ScenarioFaults faults)
    {
        var acting = new StragglerGuardOptions { Mode = Core.Policy.PolicyMode.Act };
        if (fields.Optional("guard") is not { } value)
        {
            return acting;
        }

        OptionsOutcome outcome = OptionsReader.ReadText(faults.Json.AloneInPlace(value), "guard");
        foreach (OptionsError error in outcome.Errors)
        {
            faults.AddOfGuard(error);
        }

        bool saysMode = value.Members.Any(member => member.Name == "mode");
        return outcome.Options is not { } options ? acting : saysMode ? options : options with { Mode = acting.Mode };
    }

    private static List<ScenarioEvent> ReadEvents(ScenarioFields fields, ScenarioFaults faults, int replicas)
    {
        List<ScenarioEvent> events = [];
        foreach ((PlacedValue value, string path) in fields.Objects("events"))
        {
            ScenarioEvent read = ReadEvent(value, path, faults, replicas);
            if (events.Count > 0 && events[0].IsTimed != read.IsTimed)
            {
                faults.Add(value.Begin, path, "is timed in another way than the first event; allowed are steps for all or seconds for all");
            }

            events.Add(read.Name.Length > 0 ? read : read with { Name = string.Create(CultureInfo.InvariantCulture, $"event {events.Count + 1}") });
        }

        if (events.Count > EventsMax)
        {
            faults.Add(fields.PlaceOf("events"), "events", $"has {events.Count} events, allowed are {EventsMax} at most");
        }

        return events;
    }

    private static ScenarioEvent ReadEvent(PlacedValue value, string path, ScenarioFaults faults, int replicas)
    {
        var one = new ScenarioFields(
            faults, value, path, "name", "kind", "replicas", "factor", "probability", "fromStep", "toStep", "fromSeconds", "toSeconds");
        string name = one.Has("name") ? one.Text("name") : "";
        var kind = ScenarioEventKind.Compute;
        string allowedKinds = string.Join(", ", KindNames.Select(known => $"\"{known}\""));
        if (one.Required("kind", allowedKinds) is { } kindValue)
        {
            int index = Array.IndexOf(KindNames, kindValue.Text);
            kind = (ScenarioEventKind)Math.Max(0, index);
            if (index < 0)
            {
                faults.Refuse(kindValue, one.PathOf("kind"), allowedKinds);
            }
        }

        List<ReplicaRange> whom = ReadReplicas(one, faults, replicas);
        double factor = one.Number("factor", 1, FactorMax, "");
        double probability = kind == ScenarioEventKind.Stall ? one.Number("probability", 1e-6, 1, "") : 1;
        if (kind != ScenarioEventKind.Stall && one.Has("probability"))
        {
            faults.Add(one.PlaceOf("probability"), one.PathOf("probability"), "is for stalls only");
        }

        bool isTimed = one.Has("fromSeconds") || one.Has("toSeconds");
        if (isTimed && (one.Has("fromStep") || one.Has("toStep")))
        {
            faults.Add(value.Begin, path, "has steps and seconds, allowed is one of them");
        }

        (string fromKey, string toKey) = isTimed ? ("fromSeconds", "toSeconds") : ("fromStep", "toStep");
        double from = isTimed ? one.Number(fromKey, 0, ScenarioChecks.RunSecondsMax, " s") : one.Whole(fromKey, 0, Scenario.StepsMax);
        double to = !one.Has(toKey) ? double.PositiveInfinity
            : isTimed ? one.Number(toKey, 0, ScenarioChecks.RunSecondsMax, " s") : one.Whole(toKey, 1, Scenario.StepsMax);
        if (to <= from)
        {
            faults.Add(one.PlaceOf(toKey), one.PathOf(toKey), $"must be after {fromKey}");
        }

        return new ScenarioEvent(name, kind, whom, factor, probability, from, to, isTimed);
    }

    private static List<ReplicaRange> ReadReplicas(ScenarioFields fields, ScenarioFaults faults, int replicas)
    {
        string allowed = string.Create(CultureInfo.InvariantCulture, $"an array of replicas (0 to {Math.Max(0, replicas - 1)}) and of ranges such as \"0-3\"");
        List<ReplicaRange> ranges = [];
        if (fields.Required("replicas", allowed) is not { } array)
        {
            return ranges;
        }

        foreach (PlacedValue item in array.Items)
        {
            if (RangeOf(item, faults) is { } range && range.First <= range.Last && range.Last < replicas
                && ranges.All(other => other.Last < range.First || range.Last < other.First))
            {
                ranges.Add(range);
            }
            else
            {
                faults.Refuse(item, fields.PathOf("replicas"), allowed + ", each once");
            }
        }

        if (array.Items.Count == 0)
        {
            faults.Refuse(array, fields.PathOf("replicas"), allowed);
        }

        return ranges;
    }

    private static ReplicaRange? RangeOf(PlacedValue item, ScenarioFaults faults)
    {
        if (faults.Json.NumberOf(item) is { } number)
        {
            return number >= 0 && number <= int.MaxValue && number == Math.Floor(number) ? new ReplicaRange((int)number, (int)number) : null;
        }

        string[] ends = item.Text?.Split('-') ?? [];
        return ends.Length == 2
            && int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            && int.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
            ? new ReplicaRange(first, last) : null;
    }

    private static ScenarioOutcome Refuse(string source, string problem) => new(null, [new OptionsError(source, 0, 0, "", problem)]);
}
