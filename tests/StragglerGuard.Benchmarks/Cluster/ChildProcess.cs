using System.Diagnostics;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>A part of the cluster in a process of its own, which says a line when it is ready, and answers every line that it is sent with one.</summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    /// <summary>Processor time so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Memory that was resident when the processor time was last asked for.</summary>
    /// <value>Bytes.</value>
    public long ResidentBytes => _process.WorkingSet64;

    /// <summary>Starts this program with other words, and waits until it is ready.</summary>
    /// <param name="environment">Variables that it has beside this one's.</param>
    /// <param name="words">The child's command line after <c>cluster</c>.</param>
    public static async Task<ChildProcess> StartAsync(IEnumerable<(string Name, string Value)> environment, params string[] words)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        }

        foreach (string word in (string[])["cluster", .. words])
        {
            start.ArgumentList.Add(word);
        }

        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        var child = new ChildProcess(Process.Start(start)!);
        return await child._process.StandardOutput.ReadLineAsync() is not null
            ? child
            : throw new InvalidOperationException($"the process for \"{string.Join(' ', words)}\" ended before it was ready");
    }

    /// <summary>What the child says of itself, in a line.</summary>
    public async Task<string> AskAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
        return await _process.StandardOutput.ReadLineAsync() ?? "it is gone";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>The child's side: is ready, and answers until no more lines come.</summary>
    public static async Task ServeAsync(Func<string> answer)
    {
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is not null)
        {
            Console.WriteLine(answer());
        }
    }
}
