using System.Net;
using System.Net.WebSockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Fabric;

public sealed class AgentConnectionTests
{
    private const string Token = "a token of the tests";
    private static readonly NodeId Node = new("node-a");

    [Fact]
    public async Task Report_BeyondTheSizeLimit_IsDroppedAndCountedAndHoldsUpNoOther()
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);
        using var guardian = served.OpenGuardian();
        await using var agents = new WebSocketAgentFabric(served.Endpoint, Token);
        using var agent = agents.OpenAgent(Node, _ => { });

        agent.Report(Reports.Report(1, records: (16 << 20) / 128));
        agent.Report(Reports.Report(2));

        (await guardian.Reports.Next()).Sequence.Should().Be(2);
        agent.ReportsDropped.Should().Be(1);
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue("nothing is left to send");
        served.Refused.Should().Be(0);
    }

    [Fact]
    public async Task Agent_ThatLeaves_EndsItsConnectionInOrderAfterTheLastReport()
    {
        var received = Channel.CreateUnbounded<WebSocketMessageType>();
        await using var server = await EmbeddedServer.StartAsync(new IPEndPoint(IPAddress.Loopback, 0), connectionsMax: 4, application =>
        {
            application.UseWebSockets();
            application.Run(async context =>
            {
                using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
                byte[] buffer = new byte[1 << 16];
                WebSocketMessageType type;
                do
                {
                    type = (await socket.ReceiveAsync(buffer, context.RequestAborted)).MessageType;
                    received.Writer.TryWrite(type);
                }
                while (type != WebSocketMessageType.Close);
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
            });
        });
        await using var agents = new WebSocketAgentFabric(new Uri($"ws://{server.Endpoint}/"), Token);
        var agent = agents.OpenAgent(Node, _ => { });
        agent.Report(Reports.Report(1));
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();

        agent.Dispose();

        (await received.Reader.Next(2)).Should().Equal(WebSocketMessageType.Binary, WebSocketMessageType.Close);
    }
}
