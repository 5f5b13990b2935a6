using System.Globalization;
using System.Text;
using StragglerGuard.Replay;
using StragglerGuard.Traces;

namespace StragglerGuard.Tests.Replay;

/// <summary>Mutated recordings must end in a judgement or a message, never in an exception, and in bounded memory.</summary>
/// <remarks>The environment variable STRAGGLERGUARD_FUZZ sets the number of inputs for each format; the standard number takes about two seconds.</remarks>
public sealed class RecordedJobFuzzTests
{
    private const int Seed = 20_251_123;
    private const long BytesMax = 64L << 20;

    private static readonly string[] Tokens =
    [
        "NaN", "-1", "1e308", "-0.0", "99999999999999999999", "9007199254740992", "0", ",", "\n", "\"", "|", ":", "(ms):", "iteration", "\0", "\u001b[2J", "Infinity", "1e-400", "\r",
    ];

    private static int Inputs => int.TryParse(Environment.GetEnvironmentVariable("STRAGGLERGUARD_FUZZ"), CultureInfo.InvariantCulture, out int inputs) ? inputs : 1000;

    [Fact]
    public void Csv_HoweverMutated_IsJudgedOrRefused() => Fuzz(
        RecordedText.Job(4, 40, Seed, (step, rank) => rank == 2 && step > 28 ? 2 : 1)
            .Replace("collective_s\n", "collective_s,micro_batches,stage,device_class\n", StringComparison.Ordinal)
            .Replace("\n", ",4,0,H100\n", StringComparison.Ordinal)
            .Replace("device_class,4,0,H100", "device_class", StringComparison.Ordinal));

    [Fact]
    public void MegatronLog_HoweverMutated_IsJudgedOrRefused() => Fuzz(RecordedText.Log(40, Seed, i => i > 28 ? 900 : 500));

    [Fact]
    public void PaiCsv_HoweverMutated_IsJudgedOrRefused() => Fuzz(",worker,gpu,time,batch_time_norm\n" + string.Join('\n', Enumerable.Range(0, 160)
        .Select(i => $"{i},{i % 4},25,{1 + (i / 4 * 10)},{400 + (i * 7 % 30)}")) + "\n");

    private static void Fuzz(string text)
    {
        byte[] plain = Encoding.UTF8.GetBytes(text);
        byte[] packed = RecordedText.Packed(text);
        RecordedText.Read(plain).BadRecords.Count.Should().Be(0);
        int judged = 0;
        for (int i = 0; i < Inputs; i++)
        {
            byte[] input = Mutated(i % 8 == 7 ? packed : plain, new Random(Seed + i));
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                judged += Judge(input) ? 1 : 0;
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"Input {i} of seed {Seed}: {exception.Message}\n{Convert.ToBase64String(input)}", exception);
            }

            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(BytesMax, $"input {i} of seed {Seed} is {input.Length} bytes long");
        }

        judged.Should().BeGreaterThan(Inputs / 2, "a mutation leaves most records good");
    }

    private static bool Judge(byte[] input)
    {
        JobReading reading = RecordedText.Read(input);
        (reading.Job is null).Should().Be(reading.Fault is not null);
        reading.BadRecords.First.Count.Should().BeLessThanOrEqualTo(TraceFaults.ListedMax);
        if (reading.Job is not { } job)
        {
            return false;
        }

        ReplayResult result = JobReplay.Run(job);
        result.Verdicts.Where(verdict => verdict.Rank is { } named && job.Ranks.All(rank => rank.Number != named)).Should().BeEmpty();
        (DealWhatIf? whatIf, string? fault) = DealWhatIf.Of(job, 80);
        (whatIf is null).Should().Be(fault is not null);
        whatIf?.Deals.Gain.Should().BeGreaterThan(0);
        return true;
    }

    private static byte[] Mutated(byte[] source, Random random)
    {
        var bytes = new List<byte>(source);
        for (int mutations = random.Next(1, 5); mutations > 0 && bytes.Count > 0; mutations--)
        {
            int at = random.Next(bytes.Count);
            int count = Math.Min(random.Next(1, 200), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, count);
                    break;
                case 2:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]));
                    break;
                case 3:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, count));
                    break;
                case 4 when random.Next(4) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
            }
        }

        return [.. bytes];
    }
}
