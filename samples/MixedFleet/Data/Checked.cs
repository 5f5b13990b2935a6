using System.Diagnostics.CodeAnalysis;

namespace MixedFleet.Data;

/// <summary>What became of something that a user wrote: the value, or everything that is wrong with it.</summary>
/// <typeparam name="T">The value.</typeparam>
internal sealed class Checked<T>
    where T : class
{
    private Checked(T? value, IReadOnlyList<string> errors)
    {
        Value = value;
        Errors = errors;
    }

    /// <summary>Whether there is a value. Otherwise there is at least one error.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    public bool IsValid => Value is not null;

    /// <summary>The value; null where there are errors.</summary>
    public T? Value { get; }

    /// <summary>All errors, each one line for the user; empty where there is a value.</summary>
    public IReadOnlyList<string> Errors { get; }

    /// <summary>All was well.</summary>
    public static Checked<T> Good(T value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new Checked<T>(value, []);
    }

    /// <summary>Something was wrong.</summary>
    /// <param name="errors">One or more.</param>
    public static Checked<T> Bad(params IReadOnlyList<string> errors)
    {
        ArgumentOutOfRangeException.ThrowIfZero(errors.Count, nameof(errors));
        return new Checked<T>(null, errors);
    }
}
