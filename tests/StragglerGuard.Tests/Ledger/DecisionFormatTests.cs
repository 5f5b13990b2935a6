using System.Text.Json;
using StragglerGuard.Core;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Hosting;

namespace StragglerGuard.Tests.Ledger;

public sealed class DecisionFormatTests
{
    private const int Seed = 20260504;

    public static TheoryData<string> Kinds => [.. AnyDecision.Kinds.Select(kind => kind.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decision_OfEveryKind_IsReadAsItWasWritten(string name)
    {
        Type kind = AnyDecision.Kinds.Single(type => type.Name == name);
        var random = new Random(Seed);
        for (int trial = 0; trial < 300; trial++)
        {
            LedgerDecision decision = AnyDecision.Of(kind, random);
            DecisionText text = DecisionFormat.Write(decision);

            LedgerDecision read = DecisionFormat.Read(decision.Job, decision.Generation, decision.Step, text);

            if (decision is UnreadDecision)
            {
                DecisionFormat.Write(read).Should().Be(text, $"seed {Seed}, trial {trial}");
            }
            else
            {
                read.Should().Be(decision, $"seed {Seed}, trial {trial}: {text.Payload}");
                text.Payload.Should().NotContain("\n", "an entry is a line");
            }
        }
    }

    [Fact]
    public void Decision_OfEveryKind_IsWrittenAsEver()
    {
        string[] golden = File.ReadAllLines(RepositoryRoot.PathOf("tests", "StragglerGuard.Tests", "Ledger", "decisions-1.jsonl"));
        LedgerEntry[] written =
        [
            .. AnyDecision.Kinds.Where(kind => kind != typeof(UnreadDecision))
                .Select((kind, i) => new LedgerEntry(i + 1, DateTimeOffset.UnixEpoch, SampleDecisions.Of(kind))),
        ];

        written.Select(LedgerEntryJson.Line).Should().Equal(golden, "ledgers of older programs must stay readable: what changes takes a new version");

        foreach (LedgerEntry entry in written)
        {
            using JsonDocument line = JsonDocument.Parse(golden[entry.Sequence - 1]);
            var text = new DecisionText(
                line.RootElement.GetProperty("kind").GetString()!, line.RootElement.GetProperty("version").GetInt32(),
                line.RootElement.GetProperty("decision").GetRawText());
            DecisionFormat.Read(entry.Decision.Job, entry.Decision.Generation, entry.Decision.Step, text).Should().Be(entry.Decision);
        }
    }

    [Theory]
    [InlineData("seanceHeld", 1, """{"reason":"the moon"}""", "the moon (not read: of a kind that this program does not know)")]
    [InlineData("hangFound", 2, """{"reason":"it hangs","rank":{"a":1}}""", "it hangs (not read: version 2 of this kind, this program reads 1)")]
    [InlineData("hangFound", 1, """{"job":"j","generation":0,"step":4,"reason":"no rank"}""", "no rank (not read: *rank*")]
    [InlineData("hangFound", 1, """{"job":"j","generation":0,"step":4,"rank":"one","reason":"r"}""", "r (not read: *")]
    [InlineData("modeChanged", 1, """{"job":"j","generation":0,"step":4,"mode":"dream","reason":"r"}""", "r (not read: *")]
    [InlineData("modeChanged", 1, """{"job":"j","generation":0,"step":4,"mode":1,"reason":"r"}""", "r (not read: *")]
    [InlineData("planDecided", 1, """{"job":"j","generation":0,"step":4,"kind":"evict","plan":null,"predictedStepSeconds":1,"predictedGain":1,"reason":"r"}""", "r (not read: *")]
    [InlineData("planDecided", 1, """{"job":"j","generation":0,"step":4,"kind":"evict","plan":{"epoch":1,"generation":0,"shares":[-2],"deadlineNs":0,"backups":0},"predictedStepSeconds":1,"predictedGain":1,"reason":"r"}""", "r (not read: *-2 micro-batches*")]
    [InlineData("hangFound", 1, "null", "not read: *")]
    [InlineData("hangFound", 1, "half a {", "not read: *")]
    [InlineData("hangFound", 1, "", "not read: *")]
    [InlineData("hangFound", 1, """{"reason":"\ud800"}""", "not read: *")]
    public void Decision_ThatCantBeRead_IsKeptAsItIs(string kind, int version, string payload, string reason)
    {
        var text = new DecisionText(kind, version, payload);

        LedgerDecision read = DecisionFormat.Read(new JobId("j"), new Generation(3), 44, text);

        UnreadDecision kept = read.Should().BeOfType<UnreadDecision>().Subject;
        (kept.Job, kept.Generation, kept.Step).Should().Be((new JobId("j"), new Generation(3), 44L));
        kept.Reason.Should().Match(reason);
        DecisionFormat.Write(kept).Should().Be(text);
        LedgerEntryJson.Line(new LedgerEntry(1, DateTimeOffset.UnixEpoch, kept)).Should().Contain(kind).And.NotContain("\n");
    }

    [Fact]
    public void Decision_WithFieldsThatAreNew_IsReadWithoutThem() =>
        DecisionFormat.Read(
            new JobId("j"), new Generation(0), 4,
            new DecisionText("hangFound", 1, """{"job":"j","generation":0,"step":4,"rank":7,"since":[1],"reason":"r"}"""))
            .Should().Be(new HangFound(new JobId("j"), new Generation(0), 4, new Rank(7), "r"));

    [Fact]
    public void Plan_OfBeforeItNamedWhoMoves_MovesNobody() =>
        Read<PlanDecided>("""{"kind":"evict","plan":{"epoch":12,"generation":3,"shares":[4,-1,0],"deadlineNs":0,"backups":0},"predictedStepSeconds":0.5,"predictedGain":1.5,"job":"j","generation":2,"step":4,"reason":"r"}""", "planDecided")
            .Moves.Should().BeEmpty();

    [Fact]
    public void Grade_OfBeforeItNamedARest_NamesNone() =>
        Read<PlanGraded>("""{"epoch":12,"kind":"readmit","predictedGain":1.25,"realisedGain":0.5,"rolledBack":true,"job":"j","generation":2,"step":4,"reason":"r"}""", "planGraded")
            .KindRests.Should().BeFalse("what is rolled back rests all the same");

    [Fact]
    public void Decision_OfATypeWithoutAFormat_IsRefused() =>
        FluentActions.Invoking(() => DecisionFormat.Write(new Foreign())).Should().Throw<ArgumentException>().WithMessage("*Foreign*");

    private static T Read<T>(string payload, string kind)
        where T : LedgerDecision =>
        DecisionFormat.Read(new JobId("j"), new Generation(2), 4, new DecisionText(kind, 1, payload)).Should().BeOfType<T>().Subject;

    private sealed record Foreign() : LedgerDecision(new JobId("j"), new Generation(0), 0, "foreign");
}
