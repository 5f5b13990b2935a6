using System.Globalization;
using System.Reflection;
using StragglerGuard.EndToEnd.Tests.Running;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>A plan that a rank has switched to.</summary>
/// <param name="Epoch">Which.</param>
/// <param name="Step">The first step under it.</param>
/// <param name="Hash">Of the plan, in hexadecimal.</param>
internal readonly record struct AdoptedPlan(long Epoch, long Step, string Hash);

/// <summary>How a job went.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="LongestGap">The longest time from one step's end to the next one's, on any rank.</param>
/// <param name="LongestGapStep">The step that ended it.</param>
/// <param name="Plans">What the ranks switched to, the same on all of them.</param>
internal sealed record JobOutcome(long Steps, TimeSpan LongestGap, long LongestGapStep, IReadOnlyList<AdoptedPlan> Plans);

/// <summary>The job that is guarded: each rank an agent and a process of its own, which ends itself where a step comes out wrong.</summary>
internal sealed class ClusterJob : IAsyncDisposable
{
    private readonly IReadOnlyList<LineProcess> _ranks;

    private ClusterJob(IReadOnlyList<LineProcess> ranks) => _ranks = ranks;

    /// <summary>Starts the ranks, and has them meet.</summary>
    /// <param name="ranks">How many.</param>
    /// <param name="options">Their options file.</param>
    /// <param name="mark">Of their processes.</param>
    public static async Task<ClusterJob> StartAsync(int ranks, string options, string mark)
    {
        var job = new ClusterJob([.. Enumerable.Range(0, ranks).Select(rank => LineProcess.Start(
            $"rank {rank}", mark, Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ProgramPath, options, $"{rank}"))]);
        try
        {
            const string Listening = "listening ";
            SaidLine[] said = await Task.WhenAll(job._ranks.Select(rank => rank.LineAsync(
                "that it listens", line => line.StartsWith(Listening, StringComparison.Ordinal))));
            string meet = $"meet {string.Join(' ', said.Select(line => line.Text[Listening.Length..]))}";
            foreach (LineProcess rank in job._ranks)
            {
                rank.Tell(meet);
            }

            return job;
        }
        catch
        {
            await job.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the ranks have said.</summary>
    public IEnumerable<(int Rank, SaidLine Line)> Lines => _ranks.SelectMany((rank, number) => rank.Lines.Select(line => (number, line)));

    /// <summary>Waits until the job has gone on by some steps from now.</summary>
    /// <param name="steps">How many; it says so every ten.</param>
    /// <returns>The step that it is at, about.</returns>
    public async Task<long> GoesOnAsync(int steps)
    {
        LineProcess first = _ranks[0];
        int from = first.Lines.Count;
        SaidLine begin = await first.LineAsync("how far it is", line => StepOf(line) is not null, from);
        SaidLine end = await first.LineAsync(
            $"that it went on by {steps} steps", line => StepOf(line) >= StepOf(begin.Text) + steps, from);
        return StepOf(end.Text)!.Value;
    }

    /// <summary>Ends the job after the step that runs.</summary>
    public async Task<JobOutcome> FinishAsync()
    {
        _ranks[0].Tell("finish");
        int[] codes = await Task.WhenAll(_ranks.Select(rank => rank.Exited)).WaitAsync(LineProcess.Patience);
        codes.Should().OnlyContain(code => code == 0, "no rank may fail: {0}", Errors());
        Errors().Should().BeEmpty();
        (long Steps, TimeSpan Gap, long GapStep)[] ends = [.. _ranks.Select(rank =>
        {
            string[] words = rank.Lines.Last(line => line.Text.StartsWith("done ", StringComparison.Ordinal)).Text.Split(' ');
            return (Number(words[1]), TimeSpan.FromMilliseconds(Number(words[2])), Number(words[3]));
        })];
        AdoptedPlan[][] plans = [.. _ranks.Select(rank => rank.Lines.Select(line => line.Text.Split(' '))
            .Where(words => words is ["plan", _, _, _])
            .Select(words => new AdoptedPlan(Number(words[1]), Number(words[2]), words[3])).ToArray())];
        ends.Select(end => end.Steps).Distinct().Should().ContainSingle("all ranks end after the same step");
        plans.Should().OnlyContain(own => own.SequenceEqual(plans[0]), "all ranks switch to the same plans at the same steps");
        (_, TimeSpan gap, long gapStep) = ends.MaxBy(end => end.Gap);
        return new JobOutcome(ends[0].Steps, gap, gapStep, plans[0]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (LineProcess rank in _ranks)
        {
            await rank.DisposeAsync();
        }
    }

    private static string ProgramPath => Path.Combine(
        SampleRun.RepositoryRoot, "tests", "StragglerGuard.ClusterUnderTest", "bin",
        typeof(ClusterJob).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration, "net10.0", "StragglerGuard.ClusterUnderTest.dll");

    private static long? StepOf(string line) => line.StartsWith("step ", StringComparison.Ordinal) ? Number(line.AsSpan("step ".Length)) : null;

    private static long Number(ReadOnlySpan<char> text) => long.Parse(text, CultureInfo.InvariantCulture);

    private string Errors() => string.Join('\n', Lines.Where(said => said.Line.Text.StartsWith("stderr: ", StringComparison.Ordinal))
        .Select(said => $"rank {said.Rank}: {said.Line.Text}"));
}
