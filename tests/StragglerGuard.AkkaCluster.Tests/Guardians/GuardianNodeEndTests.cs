using System.Collections.Concurrent;
using StragglerGuard.Actuators;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Core;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class GuardianNodeEndTests
{
    [Fact]
    public async Task Guardian_WhoseLedgerIsNotGivenBack_EndsInTimeAndSaysSo()
    {
        await using var guardians = new GuardiansUnderTest(1);
        StragglerGuardOptions options = guardians.OptionsOf(0);
        using var answers = new ManualResetEventSlim();
        var ledger = new StuckLedger(answers);
        GuardianNode node = await GuardianNode.StartAsync(options, () => new GuardParts(options, ledger, ActuatorSetup.From(options.Actuators)));
        GuardianNode.EndLimit.Should().Be(TimeSpan.FromSeconds(15)).And.Be(node.EndMax);
        var complaints = new ConcurrentQueue<string>();
        node.Complained += complaints.Enqueue;
        node.StandingChanged += _ => guardians.Note(() => { });
        await guardians.When(() => node.IsDeciding);

        // Long enough for the rest, which is in order: the handover alone waits for the ledger for two seconds.
        node.EndMax = TimeSpan.FromSeconds(8);
        Task[] ends = [node.DisposeAsync().AsTask(), node.DisposeAsync().AsTask()];
        await Task.WhenAll(ends).WaitAsync(Patience.Limit);

        ledger.OnBackground.Should().BeTrue("else its thread would keep the process");
        complaints.Should().Equal("it ended after 8 s without waiting further: its ledger is not given back, and may stay claimed for as long as this process runs");
        node.Standing.Should().NotBe(GuardianStanding.Left);
        answers.Set();
        await guardians.When(() => node.Standing == GuardianStanding.Left);
    }

    /// <summary>A ledger whose database does not answer when it is closed.</summary>
    private sealed class StuckLedger(ManualResetEventSlim answers) : IDecisionLedger, IDisposable
    {
        private readonly InMemoryLedger _ledger = new();
        private volatile bool _onBackground;

        public bool OnBackground => _onBackground;

        public long LastSequence => _ledger.LastSequence;

        public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision) => _ledger.Append(expectedSequence, at, decision);

        public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1) => _ledger.Read(fromSequence);

        public IReadOnlyList<LedgerEntry> Read(long fromSequence, int entriesMax) => _ledger.Read(fromSequence, entriesMax);

        public IReadOnlyList<LedgerEntry> ReadJob(JobId job) => _ledger.ReadJob(job);

        public void Dispose()
        {
            _onBackground = Thread.CurrentThread.IsBackground;
            answers.Wait(Patience.Limit).Should().BeTrue();
        }
    }
}
