using System.CommandLine;
using MixedFleet.Checkpoints;
using MixedFleet.CommandLine;
using MixedFleet.Data;
using MixedFleet.Model;
using MixedFleet.Training;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Training;

public sealed class RunSettingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("settings").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Words_OfMitigation_ComeThrough()
    {
        RunSettings settings = Good(
            "--mitigate", "deadline", "--mode", "advise", "--ledger", In("decisions.db"), "--checkpoint", In("job"), "--checkpoint-every", "7",
            "--stall", "all:0.1:5", "--stall", "1:1:2");

        settings.Mitigation.Should().Be(MitigationChoice.Deadline);
        settings.GuardedMode.Should().Be(PolicyMode.Advise);
        settings.LedgerPath.Should().Be(In("decisions.db"));
        settings.CheckpointPath.Should().Be(In("job"));
        settings.CheckpointEvery.Should().Be(7);
        settings.Stalls.FactorAt(1, 3).Should().BeOneOf(2, 10);
        settings.ResumedFrom.Should().BeNull();
    }

    [Theory]
    [InlineData("postgres://guard:hunter2@db.example/fleet")]
    [InlineData("Host=db.example;Database=fleet;Password=hunter2")]
    public void Ledger_InADatabase_IsTaken(string place) => Good("--ledger", place).LedgerPath.Should().Be(place);

    [Fact]
    public void Ledger_ThatIsNone_IsRefusedWithoutBeingShown() => Errors("--ledger", "mysql://guard:hunter2@db.example/fleet").Should().Equal(
        "--ledger: The ledger's location begins with 'mysql://', which is not known: it is a file, sqlite:FILE or postgres://….");

    [Fact]
    public void Words_LeftOut_HaveTheirDefaults()
    {
        RunSettings settings = Good();

        settings.Mitigation.Should().Be(MitigationChoice.Rebalance);
        settings.MayRegroup.Should().BeFalse("a rank that is lost ends the job unless it is asked for otherwise");
        settings.GuardedMode.Should().Be(PolicyMode.Act);
        settings.LedgerPath.Should().BeEmpty();
        settings.CheckpointPath.Should().BeNull();
        settings.CheckpointEvery.Should().Be(50);
        settings.Stalls.IsEmpty.Should().BeTrue();
        settings.Phases.Should().Be(RunPhases.Of(240));
    }

    [Theory]
    [InlineData("auto", MitigationChoice.Auto, PolicyMode.Act)]
    [InlineData("rebalance", MitigationChoice.Rebalance, PolicyMode.Act)]
    [InlineData("deadline", MitigationChoice.Deadline, PolicyMode.Act)]
    [InlineData("backup", MitigationChoice.Backup, PolicyMode.Act)]
    [InlineData("evict", MitigationChoice.Evict, PolicyMode.Act)]
    [InlineData("none", MitigationChoice.None, PolicyMode.Observe)]
    public void Mitigate_OfEveryKind_SaysWhatPhaseTwoMay(string word, object choice, PolicyMode mode)
    {
        RunSettings settings = Good("--mitigate", word);

        settings.Mitigation.Should().Be((MitigationChoice)choice);
        settings.GuardedMode.Should().Be(mode);
    }

    [Theory]
    [InlineData("--mitigate wait", "--mitigate wait: must be one of auto, rebalance, deadline, backup, evict, none")]
    [InlineData("--mitigate 3", "--mitigate 3: must be one of auto, rebalance, deadline, backup, evict, none")]
    [InlineData("--device gpu", "--device gpu: must be one of cpu, ilgpu")]
    [InlineData("--mode Act", "--mode Act: must be one of observe, advise, act")]
    [InlineData("--checkpoint-every often", "--checkpoint-every often: must be a whole number from 1 to 1000000")]
    [InlineData("--mode", "Required argument missing for option: '--mode'.")]
    public void Words_ThatDoNotParse_AreRefusedByName(string words, string message) =>
        RunCommand.Build(_ => Task.FromResult(0)).Parse(words.Split(' ')).Errors.Select(error => error.Message).Should().Equal(message);

    [Fact]
    public void Words_ThatContradict_AreToldTogether()
    {
        Errors(
            "--stall", "9:0.1:5", "--stall", "x", "--slow", "9:2", "--checkpoint", _folder, "--ledger", In("none/decisions.db"),
            "--checkpoint-every", "0", "--resume", In("missing"))
            .Should().Equal(
                "--slow 9:2: RANK '9' must be a whole number from 0 to 3",
                "--stall 9:0.1:5: RANK '9' must be a whole number from 0 to 3, or all",
                "--stall x: must read RANK:PROBABILITY:FACTOR or all:PROBABILITY:FACTOR",
                $"--checkpoint {_folder}: is a directory, not a file",
                $"--ledger {In("none/decisions.db")}: the folder {In("none")} does not exist",
                "--checkpoint-every 0: must be 1 to 1000000",
                $"{In("missing")}: no such file");
        Errors("--checkpoint-every", "5", "--resume").Should().Equal(
            "--checkpoint-every 5: says how often, but there is no --checkpoint FILE that says where to",
            "--resume: from which checkpoint? Say --resume FILE, or --checkpoint FILE");
    }

    [Fact]
    public void Resume_FromACheckpoint_GoesOnWithItsStep()
    {
        string file = WriteCheckpoint(steps: 60);

        RunSettings byName = Good("--resume", file, "--steps", "100");
        RunSettings byCheckpoint = Good("--resume", "--checkpoint", file, "--steps", "100");

        byName.ResumedFrom!.NextStep.Should().Be(60);
        byName.Phases.Should().Be(RunPhases.Of(100, first: 60));
        byName.StartPlan.Should().Be(byName.ResumedFrom.Plan);
        byName.CheckpointPath.Should().BeNull();
        byCheckpoint.Phases.Should().Be(byName.Phases);
        Errors("--resume", file, "--steps", "60").Should().Equal($"--resume {file}: 60 steps are done, and --steps 60 asks for no more");
        Errors("--resume", file, "--seed", "2", "--micro-batches", "16").Should().Equal(
            $"{file}: --seed: it was written with 1, this run has 2", $"{file}: --micro-batches: it was written with 32, this run has 16");
    }

    [Fact]
    public void Phases_OfAResumedRun_MeasureWhatItRuns()
    {
        RunPhases early = RunPhases.Of(240, first: 20);
        early.MeasuredUnguarded.Should().Be((30, 60));
        early.MeasuredGuarded.Should().Be((70, 240));

        RunPhases late = RunPhases.Of(240, first: 100);
        (int from, int to) = late.MeasuredUnguarded;
        from.Should().BeGreaterThan(to, "there is nothing to measure");
        late.MeasuredGuarded.Should().Be((110, 240));
        late.ToString().Should().StartWith("from step 100 of 240 steps: ");
    }

    private string WriteCheckpoint(int steps)
    {
        RunSettings settings = Good();
        using CpuDevice device = new();
        using ByteLanguageModel<float> model = new(device, RunSettings.ModelShape, settings.Seed);
        Adam<float> optimizer = new(RunSettings.ModelShape.ParameterCount);
        MicroBatchQueue queue = new(settings.MicroBatches);
        for (int step = 0; step < steps; step++)
        {
            queue.BeginStep(step);
            queue.Complete(step, settings.StartPlan.Deal, settings.StartPlan.Deal.MicroBatches);
        }

        byte[] state = new byte[TrainingState.LengthOf(settings.Identity, RunSettings.ModelShape.ParameterCount)];
        TrainingState.Write(state, settings.Identity, settings.StartPlan, queue, model, optimizer);
        CheckpointFile.Write(In("job.checkpoint"), state);
        return In("job.checkpoint");
    }

    private string In(string name) => Path.Combine(_folder, name);

    private RunSettings Good(params string[] words)
    {
        Checked<RunSettings> settings = From(words);
        settings.Errors.Should().BeEmpty();
        return settings.Value!;
    }

    private IReadOnlyList<string> Errors(params string[] words) => From(words).Errors;

    private Checked<RunSettings> From(string[] words)
    {
        string text = In("text");
        File.WriteAllBytes(text, [.. Enumerable.Range(0, 2000).Select(i => (byte)(i * i % 251))]);
        RunArguments? arguments = null;
        RootCommand command = RunCommand.Build(it =>
        {
            arguments = it;
            return Task.FromResult(0);
        });
        ParseResult parsed = command.Parse([.. words, "--text", text]);
        parsed.Errors.Should().BeEmpty();
        parsed.Invoke();
        return RunSettings.From(arguments!);
    }
}
