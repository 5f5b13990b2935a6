using System.Reflection;
using System.Text.Json;

namespace StragglerGuard.Hosting;

/// <summary>One key of the JSON: a setting or a section.</summary>
/// <param name="Key">Its name in camel case.</param>
/// <param name="Path">All names down to it, joined by dots.</param>
/// <param name="Property">Where its value goes.</param>
/// <param name="Option">The values it takes; null for a section.</param>
/// <param name="Section">The keys inside; null for a setting.</param>
internal sealed record OptionKey(string Key, string Path, PropertyInfo Property, OptionAttribute? Option, OptionTable? Section)
{
    /// <summary>The type of a value that is given; whether none may be given is <see cref="IsNullable"/>.</summary>
    internal Type ValueType => Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    internal bool IsNullable => Nullable.GetUnderlyingType(Property.PropertyType) is not null;

    internal string Allowed => Option is null ? "an object" : Option.Allowed(ValueType) + (IsNullable ? ", or null" : "");
}

/// <summary>The keys of one section, read from its type by reflection, once: the only list of settings there is.</summary>
internal sealed class OptionTable
{
    private OptionTable(Type type, string prefix) =>
        Keys = [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite).Select(p => KeyOf(p, prefix))];

    /// <summary>The keys of the whole file.</summary>
    internal static OptionTable Root { get; } = new(typeof(StragglerGuardOptions), "");

    internal IReadOnlyList<OptionKey> Keys { get; }

    /// <summary>All settings of this section and those inside it.</summary>
    internal IEnumerable<OptionKey> Settings => Keys.SelectMany(key => key.Section?.Settings ?? [key]);

    internal OptionKey? Find(string key) => Keys.FirstOrDefault(k => k.Key == key);

    private static OptionKey KeyOf(PropertyInfo property, string prefix)
    {
        var key = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
        var path = prefix + key;
        var option = property.GetCustomAttribute<OptionAttribute>();
        var section = option is null ? new OptionTable(property.PropertyType, path + ".") : null;
        return new OptionKey(key, path, property, option, section);
    }
}
