using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using StragglerGuard.EndToEnd.Tests.Running;

namespace StragglerGuard.EndToEnd.Tests.Durability;

/// <summary>A guardian in a process of its own, which may kill itself at a named point.</summary>
internal sealed class GuardianProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task _reading;
    private readonly Task<string> _errors;
    private readonly SemaphoreSlim _news = new(0);
    private long _judged;
    private long _offered;
    private string? _endpoint;

    private GuardianProcess(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
        _reading = ReadAsync();
    }

    /// <summary>Whether its output has ended, as it does with the process.</summary>
    public bool HasEnded => _reading.IsCompleted;

    public int Pid => _process.Id;

    /// <summary>The newest epoch that it said to have offered.</summary>
    public long Offered => Interlocked.Read(ref _offered);

    /// <summary>Starts one.</summary>
    /// <param name="ledger">Where its ledger is.</param>
    /// <param name="port">0 takes a free one.</param>
    /// <param name="nodes">The folder of the scheduler's nodes.</param>
    /// <param name="fate">POINT:TIME, or null for one that doesn't kill itself.</param>
    public static GuardianProcess Start(string ledger, int port, string nodes, string? fate = null)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { ProgramPath, ledger, port.ToString(CultureInfo.InvariantCulture), nodes },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("STRAGGLERGUARD_TEST_FATE");
        if (fate is not null)
        {
            start.Environment["STRAGGLERGUARD_TEST_FATE"] = fate;
        }

        return new GuardianProcess(start);
    }

    /// <summary>Where agents connect to; null where it ended before.</summary>
    public async Task<Uri?> ListeningAsync()
    {
        await UntilAsync(() => _endpoint is not null);
        return _endpoint is null ? null : new Uri(_endpoint);
    }

    /// <summary>Until it has judged a report, or has ended.</summary>
    public Task JudgedAsync(long sequence) => UntilAsync(() => Interlocked.Read(ref _judged) >= sequence);

    /// <summary>Ends its input, and waits until it has gone.</summary>
    /// <returns>Its exit code, and what it said on standard error.</returns>
    public async Task<(int ExitCode, string Errors)> EndAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return (_process.ExitCode, await _errors.WaitAsync(Patience));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync().WaitAsync(Patience);
        await _reading.WaitAsync(Patience);
        _process.Dispose();
        _news.Dispose();
    }

    private static string ProgramPath => Path.Combine(
        SampleRun.RepositoryRoot, "tests", "StragglerGuard.GuardianUnderTest", "bin",
        typeof(GuardianProcess).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration, "net10.0", "StragglerGuard.GuardianUnderTest.dll");

    private async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo() && !HasEnded)
        {
            (await _news.WaitAsync(Patience)).Should().BeTrue("the guardian goes on");
        }
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ', 2);
            switch (words[0])
            {
                case "listening":
                    _endpoint = words[1];
                    break;
                case "judged":
                    Interlocked.Exchange(ref _judged, long.Parse(words[1], CultureInfo.InvariantCulture));
                    break;
                case "offered":
                    Interlocked.Exchange(ref _offered, long.Parse(words[1], CultureInfo.InvariantCulture));
                    break;
            }

            _news.Release();
        }

        // Whoever waits then sees that it has ended: it does so after this method.
        _ = Task.Run(async () =>
        {
            await _reading.ConfigureAwait(false);
            _news.Release();
        });
    }
}
