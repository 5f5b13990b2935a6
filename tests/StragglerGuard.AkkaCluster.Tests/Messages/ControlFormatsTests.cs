using Akka.Actor;
using Google.Protobuf;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Messages.Wire;
using StragglerGuard.Core;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Tests.Messages;

public sealed class ControlFormatsTests : IDisposable
{
    private readonly ActorSystem _system = ActorSystem.Create("control-formats");

    public void Dispose() => _system.Dispose();

    [Fact]
    public void Status_WithAValueInEveryField_ComesThroughWhole()
    {
        JobStatus status = ControlExamples.Status;
        foreach (var property in typeof(JobStatus).GetProperties())
        {
            if (property.Name != nameof(JobStatus.Job))
            {
                property.GetValue(status).Should().NotBe(property.GetValue(ControlExamples.Unknown), $"{property.Name} is to be seen on the other side");
            }
        }

        JobStatus read = JobStatusFormat.Read(JobStatusMessage.Parser.ParseFrom(JobStatusFormat.Write(status).ToByteArray()));

        read.Should().BeEquivalentTo(status, options => options.WithStrictOrdering());
        read.Ranks[0].Should().Be(status.Ranks[0]);
        read.Verdicts.Should().Equal(status.Verdicts);
        read.Plans.Should().Equal(status.Plans);
        read.Changes.Should().Equal(status.Changes);
    }

    [Fact]
    public void Status_OfWhichNothingIsKnown_StaysUnknownAndDoesNotBecomeZero()
    {
        JobStatus read = JobStatusFormat.Read(JobStatusMessage.Parser.ParseFrom(JobStatusFormat.Write(ControlExamples.Unknown).ToByteArray()));

        read.Should().BeEquivalentTo(ControlExamples.Unknown);
        read.StepSeconds.Should().BeNull();
    }

    [Fact]
    public void Entries_OfEveryKind_ComeThroughWhole()
    {
        var read = (DecisionsTold)Read("decisions-told:1", Written(new DecisionsTold(1, "g", 40, ControlExamples.Entries)));

        read.Entries.Select(entry => (entry.Sequence, entry.At)).Should().Equal(ControlExamples.Entries.Select(entry => (entry.Sequence, entry.At)));
        read.Entries.Select(entry => entry.Decision).Should().BeEquivalentTo(
            ControlExamples.Entries.Select(entry => entry.Decision), options => options.WithStrictOrdering().RespectingRuntimeTypes());
    }

    [Fact]
    public void Entry_OfAKindThatIsNotKnownHere_IsKeptAsItsText()
    {
        UnreadDecision newer = new(new JobId("j"), new Generation(1), 7, "planDreamt", 3, """{"reason":"because"}""", "because (not read: of a kind that this program does not know)");

        var read = (DecisionsTold)Read("decisions-told:1", Written(new DecisionsTold(1, "g", 5, [new LedgerEntry(5, DateTimeOffset.UnixEpoch, newer)])));

        read.Entries.Should().ContainSingle().Which.Decision.Should().Be(newer);
    }

    [Theory]
    [InlineData("mode-order:1", "mode: 9 is not known here")]
    [InlineData("status-question:1", "job: the name is empty, too long, or holds U+0000")]
    [InlineData("end-question:1", "job: the name is empty, too long, or holds U+0000")]
    [InlineData("decisions-question:1", "after: -1 is below 0")]
    public void Question_ThatIsImpossible_IsUnreadableAndSaysWhere(string manifest, string reason)
    {
        var message = new ControlQuestionMessage
        {
            Id = 1,
            ReplyTo = FabricFormats.PathOf(_system.ActorOf(Props.Empty)),
            Job = manifest.StartsWith("mode", StringComparison.Ordinal) ? "job" : "jo\0b",
            Mode = 9,
            After = -1,
        };

        Read(manifest, message.ToByteArray()).Should().Be(new Unreadable(manifest, reason));
    }

    [Fact]
    public void Status_WithGenerationsWithinGenerations_IsUnreadable()
    {
        JobStatusMessage deep = new() { Earlier = { new JobStatusMessage { Earlier = { new JobStatusMessage() } } } };

        Read("status-told:1", new ControlAnswerMessage { Status = deep }.ToByteArray()).Should().BeOfType<Unreadable>()
            .Which.Reason.Should().StartWith("status.earlier");
    }

    private byte[] Written(IFabricMessage message) => new FabricSerializer((ExtendedActorSystem)_system).ToBinary(message);

    private object Read(string manifest, byte[] bytes) => new FabricSerializer((ExtendedActorSystem)_system).FromBinary(bytes, manifest);
}
