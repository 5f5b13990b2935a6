using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>The detectors on jobs that really ran. What the readers of the product do with these files has its own tests.</summary>
public sealed partial class RecordedJobsTests
{
    // The rank is slowed in the middle third of 300 steps.
    private const int Culprit = 2;
    private const int Onset = 100;
    private const int End = 200;

    [FactIfRecorded("gloo-sleep.csv")]
    public void Judge_OfTheJobWithASleepingRank_FindsItAndItsEnd() => ShouldFindTheRank("gloo-sleep.csv", withinSteps: 25);

    [FactIfRecorded("gloo-cpu-quota.csv")]
    public void Judge_OfTheJobUnderAQuota_FindsTheRankAndItsEnd() => ShouldFindTheRank("gloo-cpu-quota.csv", withinSteps: 25);

    [FactIfRecorded("gloo-sigstop.csv")]
    public void Judge_OfTheJobWithAStoppedRank_FindsItAndItsEnd() => ShouldFindTheRank("gloo-sigstop.csv", withinSteps: 35);

    [FactIfRecorded("gloo-netslow.csv")]
    public void Judge_OfTheJobOnASlowNetwork_FindsTheFabricAndNoRank()
    {
        List<DetectionEvent> events = Judge("gloo-netslow.csv");
        events.Where(e => e.Rank is not null).Should().BeEmpty();
        DetectionEvent fabric = events.Single(e => e.Kind == DetectionEventKind.FindingRaised);
        fabric.Verdict.Should().Be(VerdictKind.FabricSlowdown);
        fabric.OnsetStep.Should().BeInRange(50, 60);
        events.Should().ContainSingle(e => e.Kind == DetectionEventKind.FindingCleared).Which.ChangedAtStep.Should().BeGreaterThan(fabric.RaisedAtStep);
    }

    [FactIfRecorded("pipemorph-1F1B.log")]
    public void Changes_OfTheTrainingLog_AreTheInjectedOnes()
    {
        long[] labels = [.. File.ReadLines(RecordedJobs.PathOf("pipemorph.trace")).Select(line => long.Parse(line.Split(';')[0], CultureInfo.InvariantCulture)).Where(step => step < 1_030)];
        var detector = new SeriesChangeDetector();
        var found = new HashSet<long>();
        var delays = new List<long>();
        int wrong = 0;
        foreach ((long step, double ms) in Iterations().Where(iteration => iteration.Step is >= 3 and < 1_030))
        {
            if (detector.Add(Math.Log(ms), step, out LevelChange change))
            {
                long label = labels.FirstOrDefault(at => change.RaisedAtStep >= at - 1 && change.RaisedAtStep <= at + 6, -1);
                bool isHit = label >= 0 && found.Add(label);
                wrong += isHit ? 0 : 1;
                delays.AddRange(isHit ? [change.RaisedAtStep - label] : []);
            }
        }

        (2.0 * found.Count / (found.Count + wrong + labels.Length)).Should().BeGreaterThanOrEqualTo(0.97);
        delays.Should().OnlyContain(delay => delay <= 5);
    }

    private static void ShouldFindTheRank(string file, int withinSteps)
    {
        List<DetectionEvent> events = Judge(file);
        DetectionEvent found = events.Should().ContainSingle(e => e.Kind == DetectionEventKind.StragglerConfirmed).Subject;
        found.Rank.Should().Be(new Rank(Culprit));
        found.OnsetStep.Should().BeInRange(Onset - 5, Onset + withinSteps);
        found.RaisedAtStep.Should().BeInRange(Onset, Onset + withinSteps);
        events.Should().ContainSingle(e => e.Kind == DetectionEventKind.StragglerRecovered).Which.ChangedAtStep.Should().BeInRange(End - 5, End + 25);
        events.Where(e => e.Kind == DetectionEventKind.FindingRaised).Should().BeEmpty();
    }

    private static List<DetectionEvent> Judge(string file)
    {
        var assembler = new StepFrameAssembler(4, default);
        var detector = new JobDetector(new RankCohort[4]);
        var lag = new LagCalculator(4);
        var sink = new DetectionEvents();
        foreach (string[] cells in File.ReadLines(RecordedJobs.PathOf(file)).Skip(1).Select(line => line.Split(',')))
        {
            assembler.Add(new StepTiming
            {
                Step = long.Parse(cells[0], CultureInfo.InvariantCulture),
                Rank = new Rank(int.Parse(cells[1], CultureInfo.InvariantCulture)),
                ComputeNs = (long)(1e9 * double.Parse(cells[2], CultureInfo.InvariantCulture)),
                DepartureNs = (long)(1e9 * double.Parse(cells[3], CultureInfo.InvariantCulture)),
                WorkUnits = 1,
            });
            while (assembler.TryTake(out StepFrame? frame))
            {
                LagSample sample = lag.Compute(frame, null);
                detector.Update(frame, in sample, lag.LagNs, sink);
            }
        }

        return [.. sink];
    }

    private static IEnumerable<(long Step, double Ms)> Iterations()
    {
        long last = 0;
        foreach (string line in File.ReadLines(RecordedJobs.PathOf("pipemorph-1F1B.log")))
        {
            Match match = Iteration().Match(line);
            long step = match.Success ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
            if (step > 0 && step < last)
            {
                yield break;
            }

            last = Math.Max(last, step);
            if (step > 0)
            {
                yield return (step, double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
            }
        }
    }

    [GeneratedRegex(@"iteration\s+(\d+)/.*elapsed time per iteration \(ms\): ([\d.]+)")]
    private static partial Regex Iteration();
}
