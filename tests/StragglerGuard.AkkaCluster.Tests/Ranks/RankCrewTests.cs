using System.Collections.Concurrent;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Ranks;

public sealed class RankCrewTests : IAsyncLifetime
{
    private readonly AkkaAgentFabric _fabric = AkkaAgentFabric.Connect(LoopbackSystems.Options(LoopbackSystems.Section()));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _fabric.DisposeAsync();

    [Fact]
    public async Task Ranks_EachRunOnAThreadOfTheirOwnAndMeetInEveryStep()
    {
        const int Ranks = 4;
        const int Steps = 50;
        var threads = new ConcurrentDictionary<int, ConcurrentBag<int>>();
        using var barrier = new Barrier(Ranks);

        RankCrew crew = _fabric.RunRanks([.. Enumerable.Range(0, Ranks).Select(slot => new Work(step =>
        {
            threads.GetOrAdd(slot, _ => []).Add(Environment.CurrentManagedThreadId);

            // It blocks its thread, as a collective does: with fewer threads than ranks this would never end.
            barrier.SignalAndWait(Patience.Limit).Should().BeTrue();
            return step < Steps;
        }))]);

        (await crew.Ended.WaitAsync(Patience.Limit)).Should().Equal(
            Enumerable.Range(0, Ranks).Select(slot => new RankEnd(slot, Cause: null, Steps)));
        threads.Values.Should().OnlyContain(used => used.Distinct().Count() == 1, "a rank stays on its thread");
        threads.Values.Select(used => used.First()).Should().OnlyHaveUniqueItems("no two ranks share one");
    }

    [Fact]
    public async Task Rank_WhoseWorkThrows_EndsAloneWithItsCause()
    {
        using var failed = new ManualResetEventSlim();
        RankCrew crew = _fabric.RunRanks(
        [
            new Work(step => step < 3 || failed.Wait(Patience.Limit) && step < 20),
            new Work(step => step < 2 ? true : throw new InvalidOperationException("the device is lost")),
        ]);

        RankEnd end = await crew.EndOf(1).WaitAsync(Patience.Limit);
        end.Cause.Should().BeOfType<InvalidOperationException>().Which.Message.Should().Be("the device is lost");
        end.Steps.Should().Be(1);
        end.WasStopped.Should().BeFalse();
        crew.EndOf(0).IsCompleted.Should().BeFalse();
        failed.Set();

        (await crew.EndOf(0).WaitAsync(Patience.Limit)).Should().Be(new RankEnd(0, Cause: null, Steps: 20));
        (await crew.Ended.WaitAsync(Patience.Limit)).Should().HaveCount(2);
    }

    [Fact]
    public async Task Stop_EndsEveryRankBetweenTwoSteps()
    {
        using var running = new CountdownEvent(2);
        RankCrew crew = _fabric.RunRanks([.. Enumerable.Range(0, 2).Select(_ => new Work(step =>
        {
            if (step == 1)
            {
                running.Signal();
            }

            return true;
        }))]);
        running.Wait(Patience.Limit).Should().BeTrue();

        crew.Stop();

        (await crew.Ended.WaitAsync(Patience.Limit)).Should().OnlyContain(end => end.WasStopped && end.Cause == null && end.Steps >= 1);
    }

    [Fact]
    public async Task Fabric_ThatCloses_EndsItsRanks()
    {
        RankCrew crew = _fabric.RunRanks([new Work(_ => true)]);

        await _fabric.DisposeAsync();

        (await crew.Ended.WaitAsync(Patience.Limit)).Should().ContainSingle().Which.WasStopped.Should().BeTrue();
        _fabric.Invoking(f => f.RunRanks([new Work(_ => false)])).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public async Task Fabric_WhoseRankIsStuck_ClosesInTimeSaysSoAndKeepsNoProcess()
    {
        var said = new ConcurrentQueue<string>();
        using var others = new ManualResetEventSlim();
        var isBackground = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var fabric = AkkaAgentFabric.Connect(LoopbackSystems.Options(LoopbackSystems.Section()), said.Enqueue);
        AkkaAgentFabric.EndLimit.Should().Be(TimeSpan.FromSeconds(5)).And.Be(fabric.EndMax);
        fabric.EndMax = TimeSpan.FromSeconds(1);
        RankCrew crew = fabric.RunRanks(
        [
            new Work(_ =>
            {
                isBackground.SetResult(Thread.CurrentThread.IsBackground);
                others.Wait(Patience.Limit).Should().BeTrue();
                return false;
            }),
            new Work(_ => true),
        ]);
        (await isBackground.Task.WaitAsync(Patience.Limit)).Should().BeTrue("else its thread would keep the process");

        await fabric.DisposeAsync().AsTask().WaitAsync(Patience.Limit);

        said.Should().ContainSingle(sentence => sentence.Contains("ended after 1 s without waiting further: 1 rank is in a step that does not end"));
        (await crew.EndOf(1).WaitAsync(Patience.Limit)).WasStopped.Should().BeTrue("it can end");
        crew.EndOf(0).IsCompleted.Should().BeFalse();
        others.Set();
        (await crew.EndOf(0).WaitAsync(Patience.Limit)).Steps.Should().Be(1);
    }

    [Fact]
    public void RunRanks_OfNone_IsAMistake()
    {
        _fabric.Invoking(f => f.RunRanks([])).Should().Throw<ArgumentOutOfRangeException>();
        _fabric.Invoking(f => f.RunRanks([null!])).Should().Throw<ArgumentNullException>();
    }

    /// <summary>Steps count from 1.</summary>
    private sealed class Work(Func<int, bool> advance) : IRankWork
    {
        private int _step;

        public bool Advance() => advance(++_step);
    }
}
