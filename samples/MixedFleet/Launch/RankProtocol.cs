using System.Text.Json;
using System.Text.Json.Serialization;
using MixedFleet.Training;

namespace MixedFleet.Launch;

/// <summary>What a rank's or a guardian's process writes on its standard output, one JSON object a line.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(RankListening), "listening")]
[JsonDerivedType(typeof(RankStandsBy), "stands by")]
[JsonDerivedType(typeof(RankProgress), "progress")]
[JsonDerivedType(typeof(RankFinished), "finished")]
[JsonDerivedType(typeof(GuardianListening), "guardian listening")]
[JsonDerivedType(typeof(GuardianComplains), "guardian complains")]
internal abstract record RankMessage;

/// <summary>The rank's socket for a generation is bound; peers may connect.</summary>
/// <param name="PlanHash">Of the plan that the generation begins with: names the group.</param>
/// <param name="Members">Its slots.</param>
/// <param name="Port">On loopback.</param>
internal sealed record RankListening(ulong PlanHash, int[] Members, int Port) : RankMessage;

/// <summary>The rank is in no group, and wants to hear how the job goes.</summary>
internal sealed record RankStandsBy : RankMessage;

/// <summary>A step is over (the lowest member says so).</summary>
internal sealed record RankProgress(long Step, double Loss) : RankMessage;

/// <summary>The rank's training is over.</summary>
internal sealed record RankFinished(RankResult Result) : RankMessage;

/// <summary>Of a guardian's process: it looks for the others.</summary>
internal sealed record GuardianListening : RankMessage;

/// <summary>Of a guardian's process: what keeps it from deciding or carrying out.</summary>
internal sealed record GuardianComplains(string Complaint) : RankMessage;

/// <summary>What the launcher writes on a rank process's standard input, one JSON object a line; its end means that the launcher died.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(RankAssignment), "assignment")]
[JsonDerivedType(typeof(GroupFormed), "group formed")]
[JsonDerivedType(typeof(JobStep), "step")]
[JsonDerivedType(typeof(JobOver), "over")]
[JsonDerivedType(typeof(JobLost), "lost")]
[JsonDerivedType(typeof(GuardianAssignment), "guardian")]
internal abstract record LauncherMessage;

/// <summary>Always first: who the process is.</summary>
/// <param name="Slot">Its place in the fleet.</param>
/// <param name="Job">The job's name in this run.</param>
/// <param name="Token">What peers and the guardian want to see.</param>
/// <param name="Guardian">Where the one guardian listens; null where there are several.</param>
/// <param name="Guardians">Where several listen; null where there is one.</param>
/// <param name="LauncherPid">For messages.</param>
/// <param name="Stretch">The factor on all emulated paces.</param>
internal sealed record RankAssignment(
    int Slot, string Job, string Token, Uri? Guardian, string? Guardians, int LauncherPid, double Stretch) : LauncherMessage;

/// <summary>Always first, to a guardian's process.</summary>
/// <param name="Job">The job's name in this run.</param>
/// <param name="Port">Where it is to listen, on loopback.</param>
/// <param name="Guardians">All of them.</param>
/// <param name="Ledger">The one that they share.</param>
/// <param name="TokenFile">Holds their control token.</param>
/// <param name="TemporaryFolder">Of launcher and guardians; the last of them deletes it.</param>
internal sealed record GuardianAssignment(
    string Job, int Port, string Guardians, string Ledger, string TokenFile, string TemporaryFolder) : LauncherMessage;

/// <summary>Every member of a generation listens.</summary>
/// <param name="PlanHash">Which, see <see cref="RankListening"/>.</param>
/// <param name="Ports">On loopback, by rank.</param>
internal sealed record GroupFormed(ulong PlanHash, int[] Ports) : LauncherMessage;

/// <summary>How far the job is, for a rank that stands by.</summary>
internal sealed record JobStep(long Step) : LauncherMessage;

/// <summary>The job is trained; whoever stands by may leave.</summary>
internal sealed record JobOver : LauncherMessage;

/// <summary>The job can't go on, because a rank died. Ranks that have not met yet learn it only from here.</summary>
/// <param name="Cause">Who, and how: "rank 1 died (…)".</param>
internal sealed record JobLost(string Cause) : LauncherMessage;

/// <summary>The two directions of the pipe between the launcher and a rank process.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.General, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RankMessage))]
[JsonSerializable(typeof(LauncherMessage))]
internal sealed partial class RankProtocol : JsonSerializerContext
{
    public static string Line(RankMessage message) => JsonSerializer.Serialize(message, Default.RankMessage);

    public static string Line(LauncherMessage message) => JsonSerializer.Serialize(message, Default.LauncherMessage);

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

    public static LauncherMessage? ParseFromLauncher(string line) => JsonSerializer.Deserialize(line, Default.LauncherMessage);
}
