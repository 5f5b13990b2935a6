using Akka.Actor;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;
using GuardianActor = StragglerGuard.AkkaCluster.Guardians.GuardianActor;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class GuardianActorTests
{
    [Fact]
    public async Task Guardian_StartedAnewWhileItClaims_DecidesWithItsOwnClaimAndKeepsNoOther()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("stragglerguard-restart-");
        StragglerGuardOptions[] options =
            [.. new[] { "first", "second" }.Select(name => new StragglerGuardOptions { Ledger = new LedgerSection { Location = Path.Combine(folder.FullName, name) } })];
        Claim[] claims = [new(options[0]), new(options[1])];
        int asked = -1;
        using var instruments = new GuardInstruments();
        var post = new GuardianPost(instruments, () => claims[Interlocked.Increment(ref asked)].Take());
        var decides = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        post.PhaseChanged += () =>
        {
            if (post.Phase == GuardianPhase.Deciding)
            {
                decides.TrySetResult();
            }
        };
        using ActorSystem system = ActorSystem.Create("restart", "akka.loglevel = OFF");
        IActorRef patient = system.ActorOf(Props.Create(() => new Patient(post)));
        await claims[0].Asked.Task.WaitAsync(Patience.Limit);
        patient.Tell(new Patient.Fail());
        await claims[1].Asked.Task.WaitAsync(Patience.Limit);

        claims[0].Given.SetResult();
        await post.ReleasedAsync().WaitAsync(Patience.Limit);
        claims[1].Given.SetResult();
        await decides.Task.WaitAsync(Patience.Limit);

        post.Stay!.Ledger.Should().BeSameAs(claims[1].Parts!.Ledger);
        await system.Terminate();
        await post.ReleasedAsync().WaitAsync(Patience.Limit);
        Array.ForEach(options, each => LedgerLocation.Parse(each.Ledger.Location).Open().Dispose());
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("{0}/nowhere/decisions", "ledger.location: {0}/nowhere/decisions: its folder is not there")]
    [InlineData("{0}/text", "ledger.location: {0}/text is damaged at entry 1: it is no SQLite file. Put back a copy")]
    [InlineData("postgres://guard@127.0.0.1:1/fleet", "ledger.location: postgres://guard@127.0.0.1:1/fleet: the server can't be reached: Failed to connect")]
    public async Task Guardian_WhoseLedgerCantBeUsed_NamesItAndSaysThatItTriesAgain(string location, string trouble)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("stragglerguard-unusable-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "text"), string.Concat(Enumerable.Repeat("not a database\n", 100)));
        var options = new StragglerGuardOptions { Ledger = new LedgerSection { Location = location.Replace("{0}", folder.FullName, StringComparison.Ordinal) } };
        var asked = new SemaphoreSlim(0);
        using var instruments = new GuardInstruments();
        var post = new GuardianPost(instruments, () =>
        {
            asked.Release();
            return GuardParts.Open(options, membership: null);
        });
        var said = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        post.Complained += complaint => said.TrySetResult(complaint);
        using ActorSystem system = ActorSystem.Create("unusable", "akka.loglevel = OFF");
        system.ActorOf(Props.Create(() => new GuardianActor(post)));

        string complaint = await said.Task.WaitAsync(Patience.Limit);

        complaint.Should().StartWith(trouble.Replace("{0}", folder.FullName, StringComparison.Ordinal))
            .And.EndWith("; the guardian tries again every second").And.NotContain("..").And.NotContain("Exception");
        for (int time = 1; time <= 3; time++)
        {
            (await asked.WaitAsync(Patience.Limit)).Should().BeTrue($"it is the {time}. time that it tries");
        }

        await system.Terminate();
        await post.ReleasedAsync().WaitAsync(Patience.Limit);
        folder.Delete(recursive: true);
    }

    /// <summary>A ledger that is had when the test says so.</summary>
    private sealed class Claim(StragglerGuardOptions options)
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Given { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public GuardParts? Parts { get; private set; }

        public GuardParts Take()
        {
            Asked.SetResult();
            Given.Task.Wait(Patience.Limit).Should().BeTrue();
            return Parts = GuardParts.Open(options, membership: null);
        }
    }

    /// <summary>Starts its guardian anew whatever became of it; has it fail when it is told anything.</summary>
    private sealed class Patient : UntypedActor
    {
        private readonly IActorRef _guardian;

        public Patient(GuardianPost post) => _guardian = Context.ActorOf(Props.Create(() => new GuardianActor(post)));

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Restart);

        protected override void OnReceive(object message) => _guardian.Tell(Kill.Instance);

        public sealed record Fail;
    }
}
