using StragglerGuard.Core.Timing;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

/// <summary>What the guardian decides follows from the records alone.</summary>
public sealed class ReplayTests
{
    [Fact]
    public void Replay_OfTheSameReports_GivesTheSameLedger()
    {
        JudgedJob live = Live(seed: 21);
        var replay = new JudgedJob(Fresh(seed: 21)) { IsReplay = true };
        live.Heard.ForEach(records => replay.Hear(records));

        live.Ledger.Read().Should().HaveCountGreaterThan(3, "there is something to compare");
        replay.Ledger.Read().Should().Equal(live.Ledger.Read());
    }

    /// <summary>Agents report when they please: while the frames come out equal, so do the decisions.</summary>
    [Fact]
    public void Replay_InOtherBatches_GivesTheSameLedger()
    {
        JudgedJob live = Live(seed: 22);
        List<StepTiming> records = [.. live.Heard.SelectMany(report => report)];
        for (int seed = 1; seed <= 10; seed++)
        {
            var random = new Random(seed);
            var replay = new JudgedJob(Fresh(seed: 22)) { IsReplay = true };
            var perRank = records.GroupBy(record => record.Rank.Value).ToDictionary(rank => rank.Key, rank => new Queue<StepTiming>(rank));

            // No rank may run further ahead of the others than the horizon, or its steps are closed without them.
            for (int batch = 1 + random.Next(40); perRank.Values.Any(rank => rank.Count > 0); batch = 1 + random.Next(40))
            {
                foreach (int rank in perRank.Keys.OrderBy(_ => random.Next()))
                {
                    var some = new List<StepTiming>();
                    while (some.Count < batch && perRank[rank].TryDequeue(out StepTiming record))
                    {
                        some.Add(record);
                    }

                    replay.Judge.Add(replay.Ranks.ReportOf(rank, some));
                    if (random.Next(2) == 0)
                    {
                        replay.Judge.JudgeFrames(null, replay.Commit);
                    }
                }
            }

            replay.Judge.JudgeFrames(null, replay.Commit);
            replay.Judge.Status().Frames.Missing.Should().Be(0, $"seed {seed}: the frames are equal");
            replay.Ledger.Read().Should().Equal(live.Ledger.Read(), $"seed {seed}");
        }
    }

    private static JudgedJob Live(int seed)
    {
        var ranks = Fresh(seed);
        ranks.Factor = (rank, step) => rank == 2 && step is >= 120 and < 220 ? 1.8 : 1;
        return new JudgedJob(ranks).RunTo(330);
    }

    private static VirtualRanks Fresh(int seed) => new(seed, total: 30, 0.02, 0.02, 0.02, 0.02, 0.02);
}
