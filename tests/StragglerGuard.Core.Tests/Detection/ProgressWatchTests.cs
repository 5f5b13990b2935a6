using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class ProgressWatchTests
{
    private const long Second = 1_000_000_000;

    private readonly ProgressWatch _watch = new(4);
    private readonly DetectionEvents _sink = new();
    private long _nowNs;

    [Fact]
    public void Check_WhenOneRankIsLeftBehind_NamesItOnceAndSaysWhenItIsBack()
    {
        Steps(20);
        foreach (int rank in new[] { 0, 1, 3 })
        {
            _watch.Heard(new Rank(rank), 20, _nowNs);
        }

        CheckAfter(9);
        _sink.Should().BeEmpty("no deadline is shorter than ten seconds");
        CheckAfter(3);
        CheckAfter(3);
        DetectionEvent hang = _sink.Should().ContainSingle().Subject;
        hang.Rank.Should().Be(new Rank(2));
        hang.Verdict.Should().Be(VerdictKind.Hang);
        hang.OnsetStep.Should().Be(20);
        VerdictWriter.Describe(in hang, default).Should().StartWith("rank 2: no progress beyond step 19 for 1");

        _sink.Clear();
        for (int rank = 0; rank < 4; rank++)
        {
            _watch.Heard(new Rank(rank), 21, _nowNs);
        }

        _watch.Check(_nowNs, _sink);
        _sink.Should().ContainSingle().Which.Kind.Should().Be(DetectionEventKind.FindingCleared);
    }

    [Fact]
    public void Check_WhenAllStopAtTheSameStep_SaysTheJobHangsAndNamesNobody()
    {
        Steps(20);
        CheckAfter(60);
        CheckAfter(60);
        DetectionEvent hang = _sink.Should().ContainSingle().Subject;
        hang.Rank.Should().BeNull();
        hang.Verdict.Should().Be(VerdictKind.Hang);
        _sink.Clear();
        Steps(21, from: 20);
        _watch.Check(_nowNs, _sink);
        _sink.Should().ContainSingle().Which.Kind.Should().Be(DetectionEventKind.FindingCleared);
    }

    [Fact]
    public void Check_AfterThePauseOfTheObserver_AccusesNobodyAndSaysThatItWasAway()
    {
        Steps(20);
        _nowNs += 120 * Second;
        _watch.ObserverPaused(120 * Second, _sink);
        _watch.Check(_nowNs, _sink);
        DetectionEvent unwell = _sink.Should().ContainSingle().Subject;
        unwell.Verdict.Should().Be(VerdictKind.ObserverUnwell);
        unwell.Rank.Should().BeNull();
        VerdictWriter.Describe(in unwell, default).Should().Contain("120.0 s");
    }

    [Fact]
    public void DeadlineNs_OfASlowJob_IsLonger()
    {
        _watch.DeadlineNs(new Rank(0)).Should().BeNull();
        Steps(40, everySeconds: 30);
        _watch.DeadlineNs(new Rank(0)).Should().BeInRange(8 * 30 * Second, 10 * 30 * Second);
        CheckAfter(200);
        _sink.Should().BeEmpty();
    }

    [Fact]
    public void Check_BeforeEnoughIsKnown_IsSilent()
    {
        _watch.Heard(new Rank(0), 1, 0);
        CheckAfter(1_000);
        _sink.Should().BeEmpty();
    }

    private void Steps(int through, int from = 0, double everySeconds = 1)
    {
        for (int step = from; step < through; step++)
        {
            _nowNs += (long)(everySeconds * Second);
            for (int rank = 0; rank < 4; rank++)
            {
                _watch.Heard(new Rank(rank), step, _nowNs);
            }
        }
    }

    private void CheckAfter(int seconds)
    {
        _nowNs += seconds * Second;
        _watch.Check(_nowNs, _sink);
    }
}
