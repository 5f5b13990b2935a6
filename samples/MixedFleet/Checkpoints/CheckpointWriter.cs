using MixedFleet.Data;
using MixedFleet.Model;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Checkpoints;

/// <summary>Writes a job's checkpoints beside its training: the step pays for a copy in memory alone.</summary>
/// <remarks>
/// At most one checkpoint is on its way to the disk. One that is due meanwhile is taken at the first step at which the disk is
/// free. A checkpoint that can't be written is complained of and the job goes on: the last good one stays. For one thread, that of the
/// rank which writes.
/// </remarks>
internal sealed class CheckpointWriter : IDisposable
{
    private readonly string _path;
    private readonly int _everySteps;
    private readonly TrainingIdentity _job;
    private readonly Action<string> _complain;
    private readonly byte[] _state;
    private Task _writing = Task.CompletedTask;
    private long _capturedStep = -1;
    private bool _isDue;

    /// <summary>Prepares to write.</summary>
    /// <param name="path">The newest checkpoint's file.</param>
    /// <param name="everySteps">1 or more; counted from step 0, whenever the run began.</param>
    /// <param name="job">The job.</param>
    /// <param name="parameters">Weights of its model.</param>
    /// <param name="complain">Takes one line where a checkpoint can't be written; called on another thread.</param>
    public CheckpointWriter(string path, int everySteps, TrainingIdentity job, int parameters, Action<string> complain)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(complain);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(everySteps);
        _path = path;
        _everySteps = everySteps;
        _job = job;
        _complain = complain;
        _state = new byte[TrainingState.LengthOf(job, parameters)];
    }

    /// <summary>A step is over. Takes a checkpoint where one is due and the disk is free.</summary>
    /// <param name="plan">In force for the next step.</param>
    /// <param name="queue">Its step is the next one.</param>
    /// <param name="model">The weights.</param>
    /// <param name="optimizer">Of the model.</param>
    public void StepDone(JobPlan plan, MicroBatchQueue queue, ByteLanguageModel<float> model, Adam<float> optimizer)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _isDue |= queue.Step % _everySteps == 0;
        if (_isDue && _writing.IsCompleted)
        {
            Take(plan, queue, model, optimizer);
        }
    }

    /// <summary>The run is over: writes the state that it ended with, and returns once that is on the disk.</summary>
    /// <inheritdoc cref="StepDone"/>
    public void Finish(JobPlan plan, MicroBatchQueue queue, ByteLanguageModel<float> model, Adam<float> optimizer)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _writing.GetAwaiter().GetResult();
        if (_capturedStep != queue.Step)
        {
            Take(plan, queue, model, optimizer);
        }

        _writing.GetAwaiter().GetResult();
    }

    /// <summary>Returns once nothing is on its way any more.</summary>
    public void Dispose() => _writing.GetAwaiter().GetResult();

    private void Take(JobPlan plan, MicroBatchQueue queue, ByteLanguageModel<float> model, Adam<float> optimizer)
    {
        TrainingState.Capture(_state, _job, plan, queue, model, optimizer);
        _capturedStep = queue.Step;
        _isDue = false;
        _writing = Task.Run(WriteOut);
    }

    private void WriteOut()
    {
        try
        {
            TrainingState.Seal(_state);
            CheckpointFile.Write(_path, _state);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            _complain(FormattableString.Invariant(
                $"--checkpoint {_path}: the state after {_capturedStep} steps can't be written: {failed.Message}; training goes on"));
        }
    }
}
