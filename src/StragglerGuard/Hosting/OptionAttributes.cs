using System.Globalization;
using System.Net;
using System.Numerics;
using System.Text.Json;

namespace StragglerGuard.Hosting;

/// <summary>What values a setting takes, beside the setting: adding one is adding a property.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal abstract class OptionAttribute : Attribute
{
    /// <summary>Whether a value that is refused may hold a password, and is not shown.</summary>
    internal virtual bool IsSecret => false;

    /// <summary>What is allowed, as a person would say it.</summary>
    internal abstract string Allowed(Type type);

    /// <summary>Whether a value of the property's own type is within the range.</summary>
    internal abstract bool Allows(object value);

    /// <summary>The value under the reader in the property's type; null where the JSON is of another type.</summary>
    internal abstract object? Parse(ref Utf8JsonReader reader, Type type);
}

/// <summary>A whole or fractional number.</summary>
internal sealed class NumberOptionAttribute(double minimum, double maximum) : OptionAttribute
{
    internal double Minimum => minimum;

    internal double Maximum => maximum;

    public string Unit { get; init; } = "";

    public bool PowerOfTwo { get; init; }

    internal override string Allowed(Type type)
    {
        var kind = PowerOfTwo ? "a power of two" : type == typeof(int) ? "a whole number" : "a number";
        var unit = Unit.Length == 0 ? "" : " " + Unit;
        return string.Create(CultureInfo.InvariantCulture, $"{kind} from {Minimum:0.######} to {Maximum:0.######}{unit}");
    }

    // Written so that NaN is refused.
    internal override bool Allows(object value) => value switch
    {
        int whole => whole >= Minimum && whole <= Maximum && (!PowerOfTwo || BitOperations.IsPow2(whole)),
        double number => number >= Minimum && number <= Maximum,
        _ => false,
    };

    internal override object? Parse(ref Utf8JsonReader reader, Type type)
    {
        if (reader.TokenType != JsonTokenType.Number)
        {
            return null;
        }

        if (type == typeof(int))
        {
            return reader.TryGetInt32(out var whole) ? whole : null;
        }

        return reader.TryGetDouble(out var number) ? number : null;
    }
}

/// <summary>Free text.</summary>
internal sealed class TextOptionAttribute(int minimum, int maximum) : OptionAttribute
{
    internal override string Allowed(Type type) => $"a text of {minimum} to {maximum} characters without control characters";

    internal override bool Allows(object value) =>
        value is string text && text.Length >= minimum && text.Length <= maximum && !text.Any(char.IsControl);

    internal override object? Parse(ref Utf8JsonReader reader, Type type) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
}

/// <summary>An IP address; names are not looked up.</summary>
internal sealed class AddressOptionAttribute : OptionAttribute
{
    internal override string Allowed(Type type) => "an IP address such as \"127.0.0.1\" or \"::1\"";

    // IPAddress reads "1" as 0.0.0.1: what a person means by an IPv4 address has four parts.
    internal override bool Allows(object value) =>
        value is string text && IPAddress.TryParse(text, out _) && (text.Contains(':') || text.Count(c => c == '.') == 3);

    internal override object? Parse(ref Utf8JsonReader reader, Type type) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
}

/// <summary>One of an enum's names in camel case.</summary>
internal sealed class ChoiceOptionAttribute : OptionAttribute
{
    internal override string Allowed(Type type) =>
        "one of " + string.Join(", ", Enum.GetNames(type).Select(name => $"\"{JsonNamingPolicy.CamelCase.ConvertName(name)}\""));

    internal override bool Allows(object value) => Enum.IsDefined(value.GetType(), value);

    internal override object? Parse(ref Utf8JsonReader reader, Type type)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            return null;
        }

        var text = reader.GetString();
        var name = Array.Find(Enum.GetNames(type), name => JsonNamingPolicy.CamelCase.ConvertName(name) == text);
        return name is null ? null : Enum.Parse(type, name);
    }
}
