using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace StragglerGuard.Tests.Actuators.Webhook;

/// <summary>One call as it arrived.</summary>
internal sealed record HookCall(string Method, string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body);

/// <summary>A web server on loopback that keeps what it is sent and answers as it is told.</summary>
internal sealed class HookServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private HookServer(WebApplication application) => _application = application;

    public ConcurrentQueue<HookCall> Calls { get; } = new();

    /// <summary>Answers a call.</summary>
    public Func<HttpContext, HookCall, Task> Answer { get; set; } = (_, _) => Task.CompletedTask;

    public Uri Url(string path) => new(new Uri(_application.Urls.Single()), path);

    public static async Task<HookServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var application = builder.Build();
        var server = new HookServer(application);
        application.Run(server.HandleAsync);
        await application.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var call = new HookCall(
            context.Request.Method,
            context.Request.Path,
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            body.ToArray());
        Calls.Enqueue(call);
        await Answer(context, call);
    }
}
