using StragglerGuard.Replay;

namespace StragglerGuard.Tests.Replay;

public sealed class DealWhatIfTests
{
    private const int Seed = 5;

    [Fact]
    public void Of_WhenARankIsSlow_WinsByDealingItLess()
    {
        RecordedJob job = RecordedText.JobOf(RecordedText.Job(4, 200, Seed, (_, rank) => rank == 3 ? 1.5 : 1));
        (DealWhatIf? whatIf, string? fault) = DealWhatIf.Of(job, 80);
        fault.Should().BeNull();
        whatIf!.Should().BeEquivalentTo(new { MicroBatches = 80, Receivers = 4 });
        whatIf!.Deals.Steps.Should().Be(200);
        whatIf.Deals.EvenSeconds.Should().BeApproximately(200 * 0.015, 0.05, "the recorded computing of the slowest");
        whatIf.Deals.Gain.Should().BeGreaterThan(1.25).And.BeLessThanOrEqualTo(whatIf.Deals.OracleGain);
        whatIf.Deals.LastDeal[3].Should().BeInRange(14, 15);
        whatIf.BackupWorkers.Accepted.Should().BeFalse("rank 3 is always late");
    }

    [Fact]
    public void Of_APipeline_DealsToReplicas()
    {
        // Replica 1 is slow because of its second stage.
        var text = new System.Text.StringBuilder(RecordedText.Header + ",stage,replica\n");
        for (int step = 0; step < 100; step++)
        {
            for (int rank = 0; rank < 4; rank++)
            {
                text.Append(FormattableString.Invariant($"{step},{rank},{(rank == 3 ? 0.02 : 0.01)},0.001,{rank / 2},{rank % 2}\n"));
            }
        }

        (DealWhatIf? whatIf, _) = DealWhatIf.Of(RecordedText.JobOf(text.ToString()), 12);
        whatIf!.Receivers.Should().Be(2);
        whatIf.Deals.LastDeal.Should().Equal(8, 4);
    }

    [Fact]
    public void Of_WithRecordedUnits_UsesTheTimePerUnit()
    {
        var text = new System.Text.StringBuilder(RecordedText.Header + ",micro_batches\n");
        for (int step = 0; step < 100; step++)
        {
            text.Append(FormattableString.Invariant($"{step},0,0.03,0.001,3\n{step},1,0.03,0.001,6\n"));
        }

        (DealWhatIf? whatIf, _) = DealWhatIf.Of(RecordedText.JobOf(text.ToString()), 9);
        whatIf!.Deals.LastDeal.Should().Equal(3, 6);
    }

    [Fact]
    public void Of_StepsThatLackARank_LeavesThemOut()
    {
        string text = RecordedText.Job(3, 50, Seed, (_, _) => 1);
        string cut = string.Join('\n', text.Split('\n').Where(line => !line.StartsWith("20,1,", StringComparison.Ordinal)));
        (DealWhatIf? whatIf, _) = DealWhatIf.Of(RecordedText.JobOf(cut), 9);
        whatIf!.Deals.Steps.Should().Be(49);
    }

    [Fact]
    public void Of_WhatCantBeDealt_SaysWhy()
    {
        DealWhatIf.Of(RecordedText.JobOf(RecordedText.Log(20, Seed, _ => 1000)), 80).Fault.Should().Contain("nobody to deal work to");
        DealWhatIf.Of(RecordedText.JobOf(RecordedText.Job(4, 20, Seed, (_, _) => 1)), 3).Fault.Should().Contain("too few for 4 replicas");
        DealWhatIf.Of(RecordedText.JobOf(RecordedText.Header + "\n0,0,1,1\n1,1,1,1\n"), 8).Fault.Should().Contain("no step was recorded by every rank");
    }
}
