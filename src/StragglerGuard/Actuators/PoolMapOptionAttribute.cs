using System.Text.Json;
using StragglerGuard.Actuators.Slurm;
using StragglerGuard.Hosting;

namespace StragglerGuard.Actuators;

/// <summary>Pools and their partitions in one text: <c>pool=partition, pool=partition</c>.</summary>
internal sealed class PoolMapOptionAttribute : OptionAttribute
{
    private const int LengthMax = 4_096;

    private static readonly char[] s_separators = [',', ' '];

    internal override string Allowed(Type type) =>
        "pools and their partitions, each once, such as \"h100=gpu-h100, a100=gpu-a100\", of at most 4096 characters";

    internal override bool Allows(object value) => value is string { Length: <= LengthMax } text && TryRead(text) is not null;

    internal override object? Parse(ref Utf8JsonReader reader, Type type) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString() : null;

    /// <summary>The partitions by pool; null where the text is no such list.</summary>
    internal static Dictionary<string, string>? TryRead(string text)
    {
        var pools = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in text.Split(s_separators, StringSplitOptions.RemoveEmptyEntries))
        {
            var sides = pair.Split('=');
            if (sides.Length != 2 || !sides.All(SlurmNames.IsName) || pools.ContainsValue(sides[1]) || !pools.TryAdd(sides[0], sides[1]))
            {
                return null;
            }
        }

        return pools;
    }
}
