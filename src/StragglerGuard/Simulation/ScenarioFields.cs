using System.Globalization;
using System.Text.Json;
using StragglerGuard.Hosting;

namespace StragglerGuard.Simulation;

/// <summary>The members of one object of a scenario, each read once, every fault noted with its place.</summary>
internal sealed class ScenarioFields
{
    /// <summary>A key that is allowed everywhere, and read by people only.</summary>
    private const string Comment = "comment";

    private readonly ScenarioFaults _faults;
    private readonly PlacedValue _value;
    private readonly string _path;
    private readonly Dictionary<string, PlacedMember> _members = [];

    /// <summary>Begins with an object.</summary>
    /// <param name="faults">Told of unknown and repeated keys.</param>
    /// <param name="value">An object.</param>
    /// <param name="path">Where it stands; empty for the file.</param>
    /// <param name="keys">What may stand there.</param>
    public ScenarioFields(ScenarioFaults faults, PlacedValue value, string path, params string[] keys)
    {
        _faults = faults;
        _value = value;
        _path = path;
        foreach (PlacedMember member in value.Members)
        {
            if (!keys.Contains(member.Name) && member.Name != Comment)
            {
                _faults.Add(member.Begin, PathOf(member.Name), $"is no key here; allowed are {string.Join(", ", keys)} and {Comment}");
            }
            else if (!_members.TryAdd(member.Name, member))
            {
                _faults.Add(member.Begin, PathOf(member.Name), "is there twice in the same object, allowed is once");
            }
        }
    }

    /// <summary>Whether the key is there.</summary>
    public bool Has(string key) => _members.ContainsKey(key);

    /// <summary>Where the key's value stands, or the object where it is missing.</summary>
    public int PlaceOf(string key) => _members.TryGetValue(key, out PlacedMember? member) ? member.Value.Begin : _value.Begin;

    /// <summary>All names down to a key, joined by dots.</summary>
    public string PathOf(string key) => _path.Length == 0 ? key : $"{_path}.{key}";

    /// <summary>A value whatever it is; null, and a fault, where it is missing.</summary>
    public PlacedValue? Required(string key, string allowed)
    {
        if (_members.TryGetValue(key, out PlacedMember? member))
        {
            return member.Value;
        }

        _faults.Add(_value.Begin, PathOf(key), $"is missing, allowed is {allowed}");
        return null;
    }

    /// <summary>A value whatever it is; null where it is missing.</summary>
    public PlacedValue? Optional(string key) => _members.GetValueOrDefault(key)?.Value;

    /// <summary>A number within bounds; the default where it is missing, and one is given, or it is none.</summary>
    public double Number(string key, double lowest, double highest, string unit, double? whenMissing = null)
    {
        string allowed = string.Create(CultureInfo.InvariantCulture, $"a number from {lowest:0.######} to {highest:0.######}{unit}");
        return Read(key, whenMissing, allowed, value => value >= lowest && value <= highest) ?? whenMissing ?? lowest;
    }

    /// <summary>A whole number within bounds; the default where it is missing, and one is given, or it is none.</summary>
    public long Whole(string key, long lowest, long highest, long? whenMissing = null)
    {
        string allowed = string.Create(CultureInfo.InvariantCulture, $"a whole number from {lowest} to {highest}");
        return (long)(Read(key, whenMissing, allowed, value => value >= lowest && value <= highest && value == Math.Floor(value)) ?? whenMissing ?? lowest);
    }

    /// <summary>A text of 1 to 64 characters.</summary>
    public string Text(string key, string? whenMissing = null)
    {
        const string allowed = "a text of 1 to 64 characters without control characters";
        PlacedValue? value = whenMissing is null ? Required(key, allowed) : Optional(key);
        if (value is null)
        {
            return whenMissing ?? "";
        }

        if (value.Text is { Length: >= 1 and <= 64 } text && !string.IsNullOrWhiteSpace(text) && !text.Any(char.IsControl))
        {
            return text;
        }

        _faults.Refuse(value, PathOf(key), allowed);
        return whenMissing ?? "";
    }

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool whenMissing)
    {
        PlacedValue? value = Optional(key);
        if (value is { Kind: not (JsonValueKind.True or JsonValueKind.False) })
        {
            _faults.Refuse(value, PathOf(key), "true or false");
            return whenMissing;
        }

        return value is null ? whenMissing : value.Kind == JsonValueKind.True;
    }

    /// <summary>The objects of an array; none where it is missing.</summary>
    public IEnumerable<(PlacedValue Value, string Path)> Objects(string key)
    {
        PlacedValue? array = Optional(key);
        if (array is { Kind: not JsonValueKind.Array })
        {
            _faults.Refuse(array, PathOf(key), "an array of objects");
        }

        for (int i = 0; i < (array?.Items.Count ?? 0); i++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"{PathOf(key)}[{i}]");
            if (array!.Items[i].Kind == JsonValueKind.Object)
            {
                yield return (array.Items[i], path);
            }
            else
            {
                _faults.Refuse(array.Items[i], path, "an object");
            }
        }
    }

    private double? Read(string key, double? whenMissing, string allowed, Func<double, bool> isAllowed)
    {
        PlacedValue? value = whenMissing is null ? Required(key, allowed) : Optional(key);
        if (value is null)
        {
            return null;
        }

        // Written so that NaN is refused.
        if (_faults.Json.NumberOf(value) is { } number && isAllowed(number))
        {
            return number;
        }

        _faults.Refuse(value, PathOf(key), allowed);
        return null;
    }
}

/// <summary>Everything that is wrong with a scenario.</summary>
internal sealed class ScenarioFaults(string source, PlacedJson json)
{
    private readonly List<OptionsError> _found = [];

    public PlacedJson Json => json;

    /// <summary>In the order of the text.</summary>
    public IReadOnlyList<OptionsError> InOrder => [.. _found.OrderBy(fault => fault.Line).ThenBy(fault => fault.Position)];

    public bool None => _found.Count == 0;

    public void Add(int offset, string path, string problem)
    {
        (int line, int position) = json.PlaceOf(offset);
        _found.Add(new OptionsError(source, line, position, path, problem));
    }

    /// <summary>A fault of the guard's section, which is read as options of its own.</summary>
    public void AddOfGuard(OptionsError error) =>
        _found.Add(error with { Source = source, KeyPath = error.KeyPath.Length == 0 ? "guard" : $"guard.{error.KeyPath}" });

    public void Refuse(PlacedValue value, string path, string allowed) => Add(value.Begin, path, $"found {json.Quote(value)}, allowed is {allowed}");
}
