namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>Wakes whoever waits for something to be so, each time that something has changed.</summary>
internal sealed class News
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Something has changed.</summary>
    public void Tell() =>
        Interlocked.Exchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <summary>Waits until there is an answer.</summary>
    /// <param name="look">Looks for it; null where there is none yet.</param>
    /// <param name="within">How long to wait.</param>
    /// <param name="never">What never came, in words.</param>
    public async Task<T> UntilAsync<T>(Func<T?> look, TimeSpan within, Func<string> never)
        where T : class
    {
        using var limit = new CancellationTokenSource(within);
        while (true)
        {
            Task next = Volatile.Read(ref _next).Task;
            if (look() is { } found)
            {
                return found;
            }

            try
            {
                await next.WaitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException(FormattableString.Invariant($"{within.TotalSeconds:0} s went by without {never()}"));
            }
        }
    }
}
