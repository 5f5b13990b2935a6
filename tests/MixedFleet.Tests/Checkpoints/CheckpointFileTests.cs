using MixedFleet.Checkpoints;
using MixedFleet.Data;

namespace MixedFleet.Tests.Checkpoints;

public sealed class CheckpointFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("checkpoints").FullName;
    private readonly SmallJob _job = new();

    private string Newest => Path.Combine(_folder, "job.checkpoint");

    private string Previous => $"{Newest}.previous";

    public void Dispose()
    {
        _job.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Write_AgainAndAgain_KeepsTheNewestAndTheOneBefore()
    {
        for (int i = 0; i < 3; i++)
        {
            _job.Train(5);
            CheckpointFile.Write(Newest, _job.State());
        }

        Read(Newest).NextStep.Should().Be(15);
        Read(Previous).NextStep.Should().Be(10);
        Directory.GetFiles(_folder).Should().BeEquivalentTo(Newest, Previous);
    }

    [Fact]
    public void Write_AfterARunThatDiedWhileWriting_IsNotHinderedByWhatItLeft()
    {
        File.WriteAllText($"{Newest}.writing", "half a state, and longer than nothing");
        CheckpointFile.Write(Newest, _job.State());

        Read(Newest).NextStep.Should().Be(0);
        Directory.GetFiles(_folder).Should().Equal(Newest);
    }

    [Fact]
    public void Read_OfACutFile_NamesTheOneBefore()
    {
        WriteTwo();
        File.WriteAllBytes(Newest, _job.State()[..100]);

        Errors().Should().Equal(
            $"{Newest}: is cut: 100 bytes of {_job.State().Length}; the one before it is whole, after 5 steps: --resume {Previous}");
    }

    [Fact]
    public void Read_OfADamagedFile_SaysWhatIsLeft()
    {
        WriteTwo();
        byte[] damaged = _job.State();
        damaged[^40] ^= 1;
        File.WriteAllBytes(Newest, damaged);

        File.WriteAllBytes(Previous, damaged);
        Errors().Should().Equal(
            $"{Newest}: is damaged: its check does not hold; the one before it is no better: {Previous}: is damaged: its check does not hold");
        using SmallJob other = new(seed: 4);
        File.WriteAllBytes(Previous, other.State());
        Errors().Should().Equal($"{Newest}: is damaged: its check does not hold; the one before it, {Previous}, is of another job");
        File.Delete(Previous);
        Errors().Should().Equal($"{Newest}: is damaged: its check does not hold");
    }

    [Fact]
    public void Read_OfAnotherJob_NamesTheFieldAlone()
    {
        WriteTwo();

        CheckpointFile.Read(Newest, _job.Identity with { Seed = 9 }).Errors.Should().Equal(
            $"{Newest}: --seed: it was written with 3, this run has 9");
    }

    [Fact]
    public void Read_WhereThereIsNone_SaysSo() => Errors().Should().Equal($"{Newest}: no such file");

    [Fact]
    public void Writer_OverARun_WritesWhenDueAndAtTheEnd()
    {
        List<string> complaints = [];
        using (CheckpointWriter writer = Writer(Newest, complaints))
        {
            for (int i = 0; i < 11; i++)
            {
                _job.Train(1);
                writer.StepDone(_job.Plan, _job.Queue, _job.Model, _job.Optimizer);
            }

            writer.Finish(_job.Plan, _job.Queue, _job.Model, _job.Optimizer);
        }

        complaints.Should().BeEmpty();
        File.ReadAllBytes(Newest).Should().Equal(_job.State());

        // Taken at steps 4 and 8, or later where the disk was still busy.
        Read(Previous).NextStep.Should().BeInRange(4, 10);
    }

    [Fact]
    public void Writer_WhereNothingIsDue_WritesNothing()
    {
        using (CheckpointWriter writer = Writer(Newest, []))
        {
            _job.Train(3);
            writer.StepDone(_job.Plan, _job.Queue, _job.Model, _job.Optimizer);
        }

        Directory.GetFiles(_folder).Should().BeEmpty();
    }

    [Fact]
    public void Writer_WhereTheDiskRefuses_ComplainsAndLeavesWhatIsThere()
    {
        WriteTwo();
        byte[] before = File.ReadAllBytes(Newest);

        // A folder where the unfinished file would be: no disk takes it, whoever runs the test.
        Directory.CreateDirectory($"{Newest}.writing");
        List<string> complaints = [];
        using (CheckpointWriter writer = Writer(Newest, complaints))
        {
            _job.Train(2);
            writer.StepDone(_job.Plan, _job.Queue, _job.Model, _job.Optimizer);
            writer.Finish(_job.Plan, _job.Queue, _job.Model, _job.Optimizer);
        }

        complaints.Should().ContainSingle().Which.Should()
            .StartWith($"--checkpoint {Newest}: the state after 12 steps can't be written: ").And.EndWith("; training goes on");
        File.ReadAllBytes(Newest).Should().Equal(before);
    }

    private void WriteTwo()
    {
        for (int i = 0; i < 2; i++)
        {
            _job.Train(5);
            CheckpointFile.Write(Newest, _job.State());
        }
    }

    private CheckpointWriter Writer(string path, List<string> complaints) =>
        new(path, everySteps: 4, _job.Identity, SmallJob.Parameters, complaints.Add);

    private IReadOnlyList<string> Errors() => CheckpointFile.Read(Newest, _job.Identity).Errors;

    private TrainingState Read(string path)
    {
        Checked<TrainingState> read = CheckpointFile.Read(path, _job.Identity);
        read.Errors.Should().BeEmpty();
        return read.Value!;
    }
}
