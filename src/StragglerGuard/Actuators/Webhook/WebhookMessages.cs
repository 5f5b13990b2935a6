using System.Text.Json;
using System.Text.Json.Serialization;
using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Actuators.Webhook;

/// <summary>The body of a call.</summary>
internal sealed record WebhookAction(int Schema, string Action, string Key, string Node, string? Pool, string? Reason);

/// <summary>Writes what is sent and reads what comes back.</summary>
internal static partial class WebhookMessages
{
    internal const int Schema = 1;

    internal static byte[] Write(ActuationKind kind, string actionKey, NodeId node, string? pool, string? reason) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new WebhookAction(Schema, NameOf(kind), actionKey, node.Value, pool, reason), MessageContext.Default.WebhookAction);

    internal static string NameOf(ActuationKind kind) => kind switch
    {
        ActuationKind.Drain => "drain",
        ActuationKind.MoveToPool => "move",
        _ => "readmit",
    };

    /// <summary>
    /// Reads <c>{"nodes":[{"node":"n1","state":"serving"|"drained","pool":"h100","reason":"…"}]}</c>; what else is there is passed over.
    /// </summary>
    /// <returns>The nodes by name, or which field of which record is wrong.</returns>
    internal static (Dictionary<string, NodeObservation>? Nodes, string? Problem) ReadNodes(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("nodes", out var list) || list.ValueKind != JsonValueKind.Array)
            {
                return (null, "nodes: an array is needed");
            }

            var nodes = new Dictionary<string, NodeObservation>(StringComparer.Ordinal);
            var index = 0;
            foreach (var element in list.EnumerateArray())
            {
                var (node, problem) = ReadNode(element);
                if (node is null)
                {
                    return (null, $"nodes[{index}].{problem}");
                }

                if (!nodes.TryAdd(node.Node.Value, node))
                {
                    return (null, $"nodes[{index}].node: {node.Node} is there twice");
                }

                index++;
            }

            return (nodes, null);
        }
        catch (JsonException e)
        {
            return (null, $"malformed JSON in line {(e.LineNumber ?? 0) + 1}");
        }
        catch (InvalidOperationException)
        {
            // The reader's word for a string whose escapes make no text.
            return (null, "malformed JSON: a text is none");
        }
    }

    private static (NodeObservation? Node, string? Problem) ReadNode(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            return (null, "an object is needed");
        }

        if (Text(element, "node") is not { Length: > 0 } name)
        {
            return (null, "node: a name is needed");
        }

        NodeReading? reading = Text(element, "state") switch
        {
            "serving" => NodeReading.Serving,
            "drained" => NodeReading.Drained,
            _ => null,
        };
        if (reading is null)
        {
            return (null, "state: \"serving\" or \"drained\" is needed");
        }

        var pool = Text(element, "pool");
        var reason = reading == NodeReading.Drained ? Text(element, "reason") ?? "" : "";
        return (new NodeObservation(new NodeId(name), reading.Value, reason, string.IsNullOrEmpty(pool) ? [] : [pool]), null);
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(WebhookAction))]
    private sealed partial class MessageContext : JsonSerializerContext;
}
