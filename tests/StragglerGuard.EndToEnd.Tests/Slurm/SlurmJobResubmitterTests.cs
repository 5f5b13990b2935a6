using System.Globalization;
using StragglerGuard.Actuators;
using StragglerGuard.Actuators.Slurm;
using StragglerGuard.Core;

namespace StragglerGuard.EndToEnd.Tests.Slurm;

[Collection(SharedSlurmCluster.Name)]
public sealed class SlurmJobResubmitterTests(SlurmCluster cluster)
{
    private const string Script = """
        #!/bin/sh
        #SBATCH --partition=everything
        #SBATCH --exclude=n5
        #SBATCH --output=/dev/null
        exec sleep 600

        """;

    private readonly SlurmJobResubmitter _resubmitter = new(cluster.Options);

    [SlurmFact]
    public async Task ResubmitWithout_ANodeOfARunningJob_RunsElsewhereAndKeepsWhatItExcluded()
    {
        var script = cluster.Write("train.sh", Script);
        var first = await SubmitAsync("--nodes=2", "--comment=llm 7b | run 4", script);
        (await NodesOfAsync(first)).Should().Be("n[1-2]");
        var submission = new SlurmSubmission { JobId = first, Script = script, Options = ["--nodes=2"] };

        // Twice the same: the second finds the job of the first.
        var done = await _resubmitter.ResubmitWithoutAsync(submission, [new NodeId("n1")], "41", default);
        var again = await _resubmitter.ResubmitWithoutAsync(submission, [new NodeId("n1")], "41", default);

        done.Outcome.Status.Should().Be(ActuationStatus.Done, done.Outcome.Reason);
        again.Outcome.Status.Should().Be(ActuationStatus.AlreadySo, again.Outcome.Reason);
        again.JobId.Should().Be(done.JobId);
        (await NodesOfAsync(done.JobId!.Value)).Should().Be("n[2-3]");
        (await JobsAsync()).Should().Equal($"{done.JobId} RUNNING n[1,5] stragglerguard:41 llm 7b | run 4");

        // Another decision on top: what was excluded before stays excluded.
        var next = await _resubmitter.ResubmitWithoutAsync(submission with { JobId = done.JobId.Value }, [new NodeId("n3")], "42", default);

        next.Outcome.Status.Should().Be(ActuationStatus.Done, next.Outcome.Reason);
        (await NodesOfAsync(next.JobId!.Value)).Should().Be("n[2,4]");
        (await JobsAsync()).Should().Equal($"{next.JobId} RUNNING n[1,3,5] stragglerguard:42 llm 7b | run 4");
        await cluster.CancelJobsAsync();
    }

    [SlurmFact]
    public async Task ResubmitWithout_ByTwoGuardiansAtOnce_LeavesOneJob()
    {
        var script = cluster.Write("race.sh", Script);
        var first = await SubmitAsync("--nodes=1", script);
        await NodesOfAsync(first);
        var submission = new SlurmSubmission { JobId = first, Script = script, Options = ["--nodes=1"] };

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            async () => await new SlurmJobResubmitter(cluster.Options).ResubmitWithoutAsync(submission, [new NodeId("n1")], "51", default))));

        outcomes.Should().OnlyContain(outcome => outcome.Outcome.Succeeded);
        var last = await _resubmitter.ResubmitWithoutAsync(submission, [new NodeId("n1")], "51", default);
        last.Outcome.Status.Should().Be(ActuationStatus.AlreadySo);
        await NodesOfAsync(last.JobId!.Value);
        (await JobsAsync()).Should().ContainSingle().Which.Should().StartWith($"{last.JobId} RUNNING n[1,5] ");
        await cluster.CancelJobsAsync();
    }

    [SlurmFact]
    public async Task ResubmitWithout_WhatSlurmRefuses_LeavesTheOldJobRunning()
    {
        var script = cluster.Write("refused.sh", Script);
        var first = await SubmitAsync("--nodes=1", script);
        await NodesOfAsync(first);

        var outcome = await _resubmitter.ResubmitWithoutAsync(
            new SlurmSubmission { JobId = first, Script = script, Options = ["--partition=none"] }, [new NodeId("n1")], "61", default);
        var missing = await _resubmitter.ResubmitWithoutAsync(
            new SlurmSubmission { JobId = first, Script = script + ".gone" }, [new NodeId("n1")], "62", default);

        outcome.Outcome.Status.Should().Be(ActuationStatus.Refused, outcome.Outcome.Reason);
        outcome.Outcome.Reason.Should().Contain("partition");
        missing.Outcome.Status.Should().Be(ActuationStatus.Refused, missing.Outcome.Reason);
        (await JobsAsync()).Should().ContainSingle().Which.Should().StartWith($"{first} RUNNING");
        await cluster.CancelJobsAsync();
    }

    [SlurmFact]
    public async Task ResubmitWithout_AJobThatSlurmForgot_KeepsTheScriptsExclusions()
    {
        var script = cluster.Write("forgotten.sh", Script);

        var outcome = await _resubmitter.ResubmitWithoutAsync(
            new SlurmSubmission { JobId = 999_999, Script = script }, [new NodeId("n1")], "71", default);

        outcome.Outcome.Status.Should().Be(ActuationStatus.Done, outcome.Outcome.Reason);
        await NodesOfAsync(outcome.JobId!.Value);
        (await JobsAsync()).Should().Equal($"{outcome.JobId} RUNNING n[1,5] stragglerguard:71");
        await cluster.CancelJobsAsync();
    }

    [SlurmFact]
    public async Task ResubmitWithout_WhileTheControllerIsDown_IsToBeTriedAgainAndThenDoneOnce()
    {
        var script = cluster.Write("down.sh", Script);
        var first = await SubmitAsync("--nodes=1", script);
        await NodesOfAsync(first);
        var submission = new SlurmSubmission { JobId = first, Script = script };
        await cluster.StopControllerAsync();

        var down = await new SlurmJobResubmitter(cluster.Options with { CommandTimeout = TimeSpan.FromSeconds(0.5) })
            .ResubmitWithoutAsync(submission, [new NodeId("n1")], "81", default);
        cluster.StartController();
        var up = await _resubmitter.ResubmitWithoutAsync(submission, [new NodeId("n1")], "81", default);

        down.Outcome.Status.Should().Be(ActuationStatus.RetryLater, down.Outcome.Reason);
        up.Outcome.Status.Should().Be(ActuationStatus.Done, up.Outcome.Reason);
        await NodesOfAsync(up.JobId!.Value);
        (await JobsAsync()).Should().Equal($"{up.JobId} RUNNING n[1,5] stragglerguard:81");
        await cluster.CancelJobsAsync();
    }

    private async Task<long> SubmitAsync(params string[] arguments) =>
        long.Parse(await cluster.RunAsync("sbatch", ["--parsable", .. arguments]), CultureInfo.InvariantCulture);

    /// <summary>Where a job runs, once it does.</summary>
    private async Task<string> NodesOfAsync(long job)
    {
        var id = job.ToString(CultureInfo.InvariantCulture);
        var line = "";
        await SlurmCluster.UntilAsync($"job {id} running", async () =>
            (line = await cluster.RunAsync("squeue", ["-h", "-a", "-j", id, "-t", "all", "-o", "%T %N"])).StartsWith("RUNNING", StringComparison.Ordinal));
        return line.Split(' ')[1];
    }

    /// <summary>The jobs that are neither ended nor ending.</summary>
    private async Task<string[]> JobsAsync() =>
        [.. (await cluster.RunAsync("squeue", ["-h", "-a", "-t", "PENDING,RUNNING", "-o", "%A %T %x %k"])).Split('\n').Select(line => line.Trim())];
}
