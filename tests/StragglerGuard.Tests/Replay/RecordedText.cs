using System.Globalization;
using System.IO.Compression;
using System.Text;
using StragglerGuard.Replay;

namespace StragglerGuard.Tests.Replay;

/// <summary>Small recordings made up for tests.</summary>
internal static class RecordedText
{
    public const string Header = "step,rank,compute_s,collective_s";

    /// <summary>A job whose ranks wait for the slowest, with noise of 2 %.</summary>
    /// <param name="ranks">Ranks.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="seed">Of the noise.</param>
    /// <param name="factor">By step and rank: how many times 10 ms it computes.</param>
    public static string Job(int ranks, int steps, int seed, Func<int, int, double> factor)
    {
        var random = new Random(seed);
        var text = new StringBuilder(Header).Append('\n');
        for (int step = 0; step < steps; step++)
        {
            double[] compute = [.. Enumerable.Range(0, ranks).Select(rank => 0.010 * factor(step, rank) * (0.98 + (0.04 * random.NextDouble())))];
            double slowest = compute.Max();
            for (int rank = 0; rank < ranks; rank++)
            {
                text.Append(CultureInfo.InvariantCulture, $"{step},{rank},{compute[rank]:0.000000},{slowest - compute[rank] + 0.002:0.000000}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>A log as Megatron-LM writes it.</summary>
    public static string Log(int iterations, int seed, Func<int, double> milliseconds)
    {
        var random = new Random(seed);
        var text = new StringBuilder("building the model ...\n[2024-05-01 10:00:00] iteration 0 is about to begin\n");
        for (int i = 1; i <= iterations; i++)
        {
            double elapsed = milliseconds(i) * (0.997 + (0.006 * random.NextDouble()));
            text.Append(
                CultureInfo.InvariantCulture,
                $" iteration {i,8}/{iterations,8} | consumed samples: {48 * i,12} | elapsed time per iteration (ms): {elapsed:0.0} | learning rate: 1.0E-05 | global batch size:    48 |\n");
        }

        return text.ToString();
    }

    public static JobReading Read(string text, RecordingFormat? format = null) => Read(Encoding.UTF8.GetBytes(text), format);

    public static JobReading Read(byte[] bytes, RecordingFormat? format = null)
    {
        using Stream stream = StragglerGuard.Traces.TraceFile.Unpacked(new MemoryStream(bytes));
        return RecordedJobReader.Read(stream, "job.csv", format);
    }

    public static RecordedJob JobOf(string text)
    {
        JobReading reading = Read(text);
        reading.Fault.Should().BeNull();
        return reading.Job!;
    }

    public static byte[] Packed(string text)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }
}
