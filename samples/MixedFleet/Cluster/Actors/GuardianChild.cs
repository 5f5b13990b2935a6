using System.Diagnostics;
using MixedFleet.Launch;

namespace MixedFleet.Cluster.Actors;

/// <summary>A guardian's process as the launcher holds it.</summary>
internal sealed class GuardianChild : IDisposable
{
    private readonly Process _process;
    private readonly Action<string> _onComplaint;

    private GuardianChild(Process process, Action<string> onComplaint)
    {
        _process = process;
        _onComplaint = onComplaint;
        Pid = process.Id;
        Exited = Task.WhenAll(process.WaitForExitAsync(), ReadAsync());
    }

    public int Pid { get; }

    /// <summary>Completes when it has ended, and all that it wrote is read.</summary>
    public Task Exited { get; }

    /// <summary>How it ended, in words that follow its name.</summary>
    public string Ending => ChildProgram.Ending(_process.ExitCode);

    /// <summary>Starts a guardian.</summary>
    /// <param name="program">Starts its process.</param>
    /// <param name="assignment">Who it is.</param>
    /// <param name="onComplaint">Told what keeps it from deciding.</param>
    /// <returns>Null where the process could not be started.</returns>
    public static GuardianChild? Start(Func<Process?> program, GuardianAssignment assignment, Action<string> onComplaint)
    {
        if (program() is not { } process)
        {
            return null;
        }

        var child = new GuardianChild(process, onComplaint);
        try
        {
            process.StandardInput.WriteLine(RankProtocol.Line(assignment));
            process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It is gone already: its exit says more than the broken pipe.
        }

        return child;
    }

    /// <summary>Has it leave in order.</summary>
    public void EndInput()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It is gone already.
        }
    }

    public void Dispose()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It left by itself.
        }

        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (RankProtocol.ParseMessage(line) is GuardianComplains complaint)
            {
                _onComplaint(complaint.Complaint);
            }
        }
    }
}
