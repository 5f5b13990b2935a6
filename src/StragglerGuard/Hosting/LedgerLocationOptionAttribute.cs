using System.Text.Json;
using StragglerGuard.Ledger;

namespace StragglerGuard.Hosting;

/// <summary>A ledger's place, or nothing.</summary>
internal sealed class LedgerLocationOptionAttribute : OptionAttribute
{
    private const int LengthMax = 4_096;

    // A connection string may hold a password.
    internal override bool IsSecret => true;

    internal override string Allowed(Type type) =>
        "a file, sqlite:FILE, postgres://user@host/database or a connection string, of at most 4096 characters; empty for none";

    internal override bool Allows(object value) => value is string { Length: <= LengthMax } text && !text.Any(char.IsControl)
        && (text.Length == 0 || LedgerLocation.TryParse(text, out _, out _));

    internal override object? Parse(ref Utf8JsonReader reader, Type type) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
}
