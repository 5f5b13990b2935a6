using System.Numerics;

namespace StragglerGuard.Collectives.Devices;

/// <summary>What every device refuses, in the same words.</summary>
internal static class DeviceArguments
{
    /// <exception cref="NotSupportedException">The element type is neither <see cref="float"/> nor <see cref="double"/>.</exception>
    public static void RequireSupported<T>()
    {
        if (typeof(T) != typeof(float) && typeof(T) != typeof(double))
        {
            throw new NotSupportedException($"Devices compute in float and double, not in {typeof(T).Name}.");
        }
    }

    /// <summary>Refuses what is no product, see <see cref="IComputeDevice.Gemm"/>.</summary>
    public static void RequireProduct<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k, DeviceSlice<T> a, DeviceSlice<T> b, DeviceSlice<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        RequireOperation(operationA, nameof(operationA));
        RequireOperation(operationB, nameof(operationB));
        RequireElements(a, (long)m * k, nameof(a));
        RequireElements(b, (long)k * n, nameof(b));
        RequireElements(c, (long)m * n, nameof(c));
        RequireApart(a, m * k, c, m * n, nameof(a));
        RequireApart(b, k * n, c, m * n, nameof(b));
    }

    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void RequireEqualLengths<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (source.Length != destination.Length)
        {
            throw new ArgumentException(
                $"The source has {source.Length} elements, the destination {destination.Length}.", nameof(source));
        }
    }

    /// <summary>Why a slice is not a device's own.</summary>
    public static ArgumentException Foreign<T>(DeviceSlice<T> slice, string name)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        new(slice.Buffer is null ? "The slice is of no buffer." : "The slice lives on another device.", name);

    /// <summary>Whether two slices share elements.</summary>
    public static bool Overlap<T>(DeviceSlice<T> one, int oneLength, DeviceSlice<T> other, int otherLength)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        ReferenceEquals(one.Buffer, other.Buffer)
        && one.Offset < (long)other.Offset + otherLength && other.Offset < (long)one.Offset + oneLength;

    private static void RequireOperation(MatrixOperation operation, string name)
    {
        if (operation is not (MatrixOperation.None or MatrixOperation.Transpose))
        {
            throw new ArgumentOutOfRangeException(name, operation, "A matrix enters as stored or transposed.");
        }
    }

    private static void RequireElements<T>(DeviceSlice<T> slice, long needed, string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (slice.Length < needed)
        {
            throw new ArgumentException($"The matrix needs {needed} elements, the slice has {slice.Length}.", name);
        }
    }

    private static void RequireApart<T>(DeviceSlice<T> input, int inputLength, DeviceSlice<T> output, int outputLength, string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (Overlap(input, inputLength, output, outputLength))
        {
            throw new ArgumentException("The product may not be written over one of its factors.", name);
        }
    }
}
