using StragglerGuard.Core.Detection;
using StragglerGuard.Replay;
using StragglerGuard.Tests.Traces;

namespace StragglerGuard.Tests.Replay;

/// <summary>Recorded jobs that are no part of the repository.</summary>
public sealed class RecordedReplayTests
{
    private const string Quota = "gloo-cpu-quota.csv";
    private const string Stopped = "gloo-sigstop.csv";
    private const string Sleeping = "gloo-sleep.csv";
    private const string SlowNetwork = "gloo-netslow.csv";
    private const string FirstPai = "pai-job-1.csv";
    private const string SecondPai = "pai-job-2.csv";
    private const string Log = "pipemorph-1F1B.log";
    private const string Labels = "pipemorph.trace";

    [FactOnRecordedData(Quota, Stopped, Sleeping)]
    public void Run_OnAJobWithASlowedRank_AccusesItAloneAndSeesItRecover()
    {
        foreach ((string name, int within) in new[] { (Quota, 25), (Stopped, 35), (Sleeping, 25) })
        {
            ReplayResult result = JobReplay.Run(Read(name));
            ReplayedVerdict[] slow = [.. result.Verdicts.Where(verdict => verdict.Kind is VerdictKind.PersistentSlowness or VerdictKind.SlowAgainstPeers or VerdictKind.SlowFromStart)];
            slow.Should().ContainSingle(name).Which.Should().Match<ReplayedVerdict>(verdict => verdict.Rank == 2 && verdict.Step >= 95 && verdict.RaisedAtStep <= 100 + within);
            result.Changes.Should().Contain(change => change.Rank == 2 && change.Ratio < 1 && change.Step >= 190, name);
        }
    }

    [FactOnRecordedData(SlowNetwork)]
    public void Run_OnASlowNetwork_NamesTheFabricAndNoRank()
    {
        ReplayResult result = JobReplay.Run(Read(SlowNetwork));
        result.Verdicts.Should().OnlyContain(verdict => verdict.Rank == null).And.Contain(verdict => verdict.Cause == Cause.Fabric);
    }

    [FactOnRecordedData(Log, Labels)]
    public void Run_OnALogWithInjectedChanges_FindsThem()
    {
        long[] labels =
        [
            .. File.ReadLines(RecordedData.PathOf(Labels)).Select(line => line.Split(';')).Where(fields => fields[2] != "inf").Select(fields => long.Parse(fields[0])),
        ];
        ReplayedChange[] changes = [.. JobReplay.Run(Read(Log)).Changes.Where(change => change.RaisedAtStep is >= 3 and <= 1029)];
        int found = labels.Count(label => changes.Any(change => change.Step >= label - 1 && change.Step <= label + 6));
        int matched = changes.Count(change => labels.Any(label => change.Step >= label - 1 && change.Step <= label + 6));
        double score = 2.0 * found / (labels.Length + changes.Length);
        labels.Should().HaveCount(18);
        score.Should().BeGreaterThanOrEqualTo(0.97, $"{found} of {labels.Length} labels, {matched} of {changes.Length} changes");
        changes.Should().OnlyContain(change => change.RaisedAtStep - change.Step <= 5);
    }

    [FactOnRecordedData(FirstPai, SecondPai)]
    public void WhatIf_OnProductionJobs_WinsAndDeclinesBackupWorkers()
    {
        foreach ((string name, double least, double oracle) in new[] { (FirstPai, 1.005, 1.053), (SecondPai, 1.05, 1.073) })
        {
            (DealWhatIf? whatIf, _) = DealWhatIf.Of(Read(name), 80);
            whatIf!.Deals.Gain.Should().BeGreaterThanOrEqualTo(least, name);
            whatIf.Deals.OracleGain.Should().BeApproximately(oracle, 5e-4, name);
            whatIf.BackupWorkers.Accepted.Should().BeFalse(name);
        }
    }

    private static RecordedJob Read(string name) => RecordedJobReader.Read(RecordedData.PathOf(name)).Job!;
}
