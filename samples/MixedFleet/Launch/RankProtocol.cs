using System.Text.Json;
using System.Text.Json.Serialization;
using MixedFleet.Training;

namespace MixedFleet.Launch;

/// <summary>What a rank process writes on its standard output, one JSON object a line.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(RankListening), "listening")]
[JsonDerivedType(typeof(RankProgress), "progress")]
[JsonDerivedType(typeof(RankFinished), "finished")]
internal abstract record RankMessage;

/// <summary>The rank's socket is bound; peers may connect.</summary>
internal sealed record RankListening(int Port) : RankMessage;

/// <summary>A step is over (rank 0 says so).</summary>
internal sealed record RankProgress(long Step, double Loss) : RankMessage;

/// <summary>The rank's training is over.</summary>
internal sealed record RankFinished(RankResult Result) : RankMessage;

/// <summary>
/// What the launcher writes on a rank process's standard input first. The pipe then stays open for a <see cref="JobLost"/>: its end means
/// that the launcher died.
/// </summary>
/// <param name="Rank">Who the process is.</param>
/// <param name="Ports">The port of every rank on loopback.</param>
/// <param name="Token">What peers and the guardian want to see.</param>
/// <param name="Guardian">Where the guardian listens.</param>
/// <param name="LauncherPid">For messages.</param>
/// <param name="Stretch">The factor on all emulated paces.</param>
/// <param name="RealSecondsPerMicroBatch">As the launcher measured it.</param>
internal sealed record RankAssignment(
    int Rank, int[] Ports, string Token, Uri Guardian, int LauncherPid, double Stretch, double RealSecondsPerMicroBatch);

/// <summary>The job can't go on: what the launcher writes where a rank died. Ranks that have not met yet learn it only from here.</summary>
/// <param name="Cause">Who, and how: "rank 1 died (…)".</param>
internal sealed record JobLost(string Cause);

/// <summary>The two directions of the pipe between the launcher and a rank process.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.General)]
[JsonSerializable(typeof(RankMessage))]
[JsonSerializable(typeof(RankAssignment))]
[JsonSerializable(typeof(JobLost))]
internal sealed partial class RankProtocol : JsonSerializerContext
{
    public static string Line(RankMessage message) => JsonSerializer.Serialize(message, Default.RankMessage);

    public static string Line(RankAssignment assignment) => JsonSerializer.Serialize(assignment, Default.RankAssignment);

    public static string Line(JobLost lost) => JsonSerializer.Serialize(lost, Default.JobLost);

    /// <summary>Reads a rank's line; null where it is none (something else that wrote to standard output).</summary>
    public static RankMessage? ParseMessage(string line)
    {
        if (!line.StartsWith('{'))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(line, Default.RankMessage);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static RankAssignment? ParseAssignment(string line) => JsonSerializer.Deserialize(line, Default.RankAssignment);

    public static JobLost? ParseJobLost(string line) => JsonSerializer.Deserialize(line, Default.JobLost);
}
