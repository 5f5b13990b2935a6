namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>How long a host waits for what it stops.</summary>
internal static class HostPatience
{
    /// <summary>Waits for an end until the host waits no longer: then it goes on by itself, and that is no failure of the host's.</summary>
    public static async Task WaitAsync(Task ending, CancellationToken until)
    {
        try
        {
            await ending.WaitAsync(until).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (until.IsCancellationRequested && !ending.IsCompleted)
        {
            // The process ends without it.
        }
    }
}
