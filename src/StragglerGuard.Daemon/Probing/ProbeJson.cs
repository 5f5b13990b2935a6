using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using StragglerGuard.Core.Probing;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Probing;

/// <summary>What was measured as one JSON object on one line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProbeDocument))]
internal sealed partial class ProbeJson : JsonSerializerContext
{
    // Reasons hold × and → signs: readable in a terminal, and no page ever embeds this line.
    private static readonly ProbeJson Readable = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Line(ProbedMachine machine) => JsonSerializer.Serialize(
        new ProbeDocument(
            new DeviceEntry(machine.DeviceKind, machine.Gemm.Class.Name, machine.DeviceName),
            new GemmEntry(machine.Gemm.Order, Figure(machine.Gemm.GFlopPerSecond)),
            new MemoryEntry(machine.Memory.Bytes, Figure(machine.Memory.GBPerSecond)),
            machine.Ranks == 0 ? null : new GroupEntry(
                "tcp loopback",
                machine.Ranks,
                machine.PayloadBytes,
                [.. machine.Links.Select((link, i) => Link(link, machine.Findings.Links[i]))],
                [.. machine.Findings.Faults.Select(Fault)],
                machine.LinkSummary!)),
        Readable.ProbeDocument);

    private static LinkEntry Link(LinkReading link, ProbeVerdict verdict) => new(
        link.From.Value, link.To.Value, Figure(link.LatencyUs), Figure(link.ForwardGBPerSecond), Figure(link.BackwardGBPerSecond),
        verdict switch { ProbeVerdict.Fit => "fit", ProbeVerdict.Slow => "slow", _ => "unknown" }, verdict.Reason);

    private static FaultEntry Fault(LinkFault fault)
    {
        int[] ranks = fault switch
        {
            LinkFault.OfRank ofRank => [ofRank.Rank.Value],
            LinkFault.OfLink ofLink => [ofLink.From.Value, ofLink.To.Value],
            _ => [],
        };
        return new FaultEntry(fault is LinkFault.OfRank ? "interface" : "link", ranks, JsonNumbers.Camel(fault.Part), fault.Factor, fault.Reason);
    }

    private static FigureEntry Figure(ProbeFigure figure) => new(figure.Median, figure.RelativeSpread, figure.Repeats);
}

internal sealed record ProbeDocument(DeviceEntry Device, GemmEntry Gemm, MemoryEntry Memory, GroupEntry? Links);

internal sealed record DeviceEntry(string Kind, string Class, string Name);

internal sealed record FigureEntry(double Median, double RelativeSpread, int Repeats);

internal sealed record GemmEntry(int Order, [property: JsonPropertyName("gflopPerSecond")] FigureEntry GFlopPerSecond);

internal sealed record MemoryEntry(long Bytes, [property: JsonPropertyName("gbPerSecond")] FigureEntry GBPerSecond);

internal sealed record GroupEntry(
    string Transport, int Ranks, int PayloadBytes, IReadOnlyList<LinkEntry> Links, IReadOnlyList<FaultEntry> Faults, string Summary);

internal sealed record LinkEntry(
    int From, int To, FigureEntry LatencyUs, [property: JsonPropertyName("forwardGbPerSecond")] FigureEntry ForwardGBPerSecond,
    [property: JsonPropertyName("backwardGbPerSecond")] FigureEntry BackwardGBPerSecond, string Verdict, string Reason);

internal sealed record FaultEntry(string Of, IReadOnlyList<int> Ranks, string Part, double Factor, string Reason);
