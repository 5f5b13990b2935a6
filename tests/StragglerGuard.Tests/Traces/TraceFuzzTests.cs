using System.Globalization;
using System.Text;
using StragglerGuard.Core.WhatIf;
using StragglerGuard.Traces;

namespace StragglerGuard.Tests.Traces;

/// <summary>Mutated recordings must end in a judgement or a message, never in an exception, and in bounded memory.</summary>
/// <remarks>The environment variable STRAGGLERGUARD_FUZZ sets the number of inputs; the standard number takes about a second.</remarks>
public sealed class TraceFuzzTests
{
    private const int Seed = 20_251_122;
    private const long BytesMax = 64L << 20;

    private static readonly string[] Tokens =
    [
        "NaN", "-1", "1e308", "-0.0", "99999999999999999999", "0", ",", "\n", "\"", "{", "}", "[", "]", "null", "\\ud800", "\0", "Infinity", "1e-400", ":",
    ];

    private static int Inputs => int.TryParse(Environment.GetEnvironmentVariable("STRAGGLERGUARD_FUZZ"), CultureInfo.InvariantCulture, out int inputs) ? inputs : 1500;

    [Fact]
    public void OperationsCsv_HoweverMutated_IsJudgedOrRefused()
    {
        byte[] plain = Encoding.UTF8.GetBytes(OperationsCsvReaderTests.Trace(2));
        byte[] packed = OperationsCsvReaderTests.Packed(OperationsCsvReaderTests.Trace(2));
        OperationsCsvReaderTests.Read(plain).BadRecords.Count.Should().Be(0);
        int judged = 0;
        ForEachInput(plain, packed, input =>
        {
            OperationsReading reading = OperationsCsvReaderTests.Read(input);
            (reading.Trace is null).Should().Be(reading.Fault is not null);
            reading.BadRecords.First.Count.Should().BeLessThanOrEqualTo(TraceFaults.ListedMax);
            if (reading.Trace is not null)
            {
                WhatIfOutcome outcome = WhatIfAnalysis.Analyze(reading.Trace);
                (outcome.Report is null).Should().Be(outcome.Fault is not null);
                judged += outcome.Report is null ? 0 : 1;
            }
        });
        judged.Should().BeGreaterThan(Inputs / 20, "a mutation leaves most records good");
    }

    [Fact]
    public void Kineto_HoweverMutated_IsJudgedOrRefused()
    {
        string text = KinetoReaderTests.Rank(0, [500, 30, 80, 100]);
        var log = new FaultLog();
        KinetoRank whole = KinetoReaderTests.Read(Encoding.UTF8.GetBytes(KinetoReaderTests.Rank(1, [100, 40, 20, 30])), "1.json", log);
        int judged = 0;
        ForEachInput(Encoding.UTF8.GetBytes(text), OperationsCsvReaderTests.Packed(text), input =>
        {
            var faults = new FaultLog();
            KinetoReading reading = KinetoReader.Judge([KinetoReaderTests.Read(input, "0.json", faults), whole], "folder", faults);
            (reading.Collectives.Count == 0).Should().Be(reading.Fault is not null);
            judged += reading.Collectives.Count > 0 ? 1 : 0;
        });
        judged.Should().BeGreaterThan(Inputs / 20, "a mutation leaves many events good");
    }

    private static void ForEachInput(byte[] plain, byte[] packed, Action<byte[]> judge)
    {
        for (int i = 0; i < Inputs; i++)
        {
            var random = new Random(Seed + i);
            byte[] input = Mutated(i % 8 == 7 ? packed : plain, random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                judge(input);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"Input {i} of seed {Seed}: {exception.Message}\n{Convert.ToBase64String(input)}", exception);
            }

            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(BytesMax, $"input {i} of seed {Seed} is {input.Length} bytes long");
        }
    }

    private static byte[] Mutated(byte[] source, Random random)
    {
        List<byte> bytes = [.. source];
        int mutations = random.Next(1, 6);
        for (int i = 0; i < mutations && bytes.Count > 0; i++)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(1, 40), bytes.Count - at);
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
                case 3:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]));
                    break;
                case 4:
                    byte[] token = Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]);
                    bytes.RemoveRange(at, length);
                    bytes.InsertRange(at, token);
                    break;
                case 5 when random.Next(4) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    int digit = bytes.FindIndex(at, value => value is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                    {
                        bytes[digit] = (byte)('0' + random.Next(10));
                    }

                    break;
            }
        }

        return [.. bytes];
    }
}
