using StragglerGuard.Core.Probing;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Probing;

/// <summary>What was measured, for people.</summary>
internal static class ProbeText
{
    private const double BytesPerMi = 1024 * 1024;

    public static IEnumerable<string> Lines(ProbedMachine machine)
    {
        yield return Say($"Device: {machine.DeviceKind}, {machine.DeviceName}, class {machine.Gemm.Class.Name}; one thread of it, with whatever else runs here");
        yield return "                      median          spread  repeats";
        yield return Say($"  matrix products  {Figure(machine.Gemm.GFlopPerSecond, "GFLOP/s")}  fp32, {machine.Gemm.Order} × {machine.Gemm.Order}");
        yield return Say($"  memory           {Figure(machine.Memory.GBPerSecond, "GB/s   ")}  {machine.Memory.Bytes / BytesPerMi:0.#} MiB copied, bytes read and written");
        if (machine.Ranks == 0)
        {
            yield break;
        }

        yield return "";
        yield return Say($"Links: TCP on loopback, {machine.Ranks} ranks as threads of this process, {machine.PayloadBytes / BytesPerMi:0.#} MiB a message");
        yield return "link                    latency µs            forward GB/s          backward GB/s         verdict";
        for (int i = 0; i < machine.Links.Length; i++)
        {
            LinkReading link = machine.Links[i];
            string verdict = machine.Findings.Links[i] switch
            {
                ProbeVerdict.Fit => "fit",
                ProbeVerdict.Slow slow => Say($"slow ×{slow.Factor:0.00}"),
                _ => "unknown",
            };
            yield return Say($"{$"{link.From} – {link.To}",-22}{Short(link.LatencyUs)}  {Short(link.ForwardGBPerSecond)}  {Short(link.BackwardGBPerSecond)}  {verdict}");
        }

        yield return "";
        yield return machine.LinkSummary + "; ranks that share processors share what their links can carry";
        foreach (string text in machine.Findings.Faults.Select(fault => fault.Reason)
            .Concat(machine.Findings.Links.OfType<ProbeVerdict.Unknown>().Take(1).Select(unknown => $"unknown, for example {unknown.Reason}")))
        {
            foreach (string line in Wrapped(text))
            {
                yield return "  " + line;
            }
        }
    }

    private static string Figure(ProbeFigure figure, string unit) =>
        Say($"{figure.Median,10:0.00} {unit}  ±{figure.RelativeSpread * 100,4:0.0} %  {figure.Repeats,7}");

    private static string Short(ProbeFigure figure) => Say($"{figure.Median,10:0.000} ±{figure.RelativeSpread * 100,5:0.0} % ");
}
