using System.Numerics;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Devices;

/// <summary>How a matrix enters a product.</summary>
public enum MatrixOperation
{
    /// <summary>As it is stored.</summary>
    None = 0,

    /// <summary>Rows and columns exchanged.</summary>
    Transpose = 1,
}

/// <summary>
/// What a rank computes on: the few operations that training and collectives need, for fp32 (<see cref="float"/>) and fp64
/// (<see cref="double"/>).
/// </summary>
/// <remarks>
/// Operations are issued in order by one thread and may still run when the call returns; <see cref="DeviceBuffer{T}.Download"/>
/// and host access see their results. Other element types are refused with <see cref="NotSupportedException"/>.
/// </remarks>
public interface IComputeDevice : IDisposable
{
    /// <summary>What the device calls itself.</summary>
    string Name { get; }

    /// <summary>The class that its ranks are compared within.</summary>
    DeviceClass DeviceClass { get; }

    /// <summary>Reserves a zeroed vector on the device.</summary>
    /// <param name="length">Elements, 0 or more.</param>
    DeviceBuffer<T> Allocate<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>
    /// C ← α·op(A)·op(B) + β·C, all matrices dense and row-major. With β = 0, C is not read; with α = 0, A and B are not.
    /// </summary>
    /// <param name="operationA">How A enters.</param>
    /// <param name="operationB">How B enters.</param>
    /// <param name="m">Rows of op(A) and C.</param>
    /// <param name="n">Columns of op(B) and C.</param>
    /// <param name="k">Columns of op(A), rows of op(B).</param>
    /// <param name="alpha">α.</param>
    /// <param name="a">m×k as stored, or k×m when transposed.</param>
    /// <param name="b">k×n as stored, or n×k when transposed.</param>
    /// <param name="beta">β.</param>
    /// <param name="c">m×n; may not overlap A or B.</param>
    /// <exception cref="ArgumentException">A slice is shorter than its matrix.</exception>
    void Gemm<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
        T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>destination ← destination + source, element by element; equal lengths.</summary>
    void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>destination ← factor · destination.</summary>
    void Scale<T>(DeviceSlice<T> destination, T factor)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>destination ← source; equal lengths.</summary>
    void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>Marks a point in the device's stream. Never waits.</summary>
    DeviceEvent RecordEvent();

    /// <summary>The time between two marks on the device's own clock, once both have been passed. Never waits.</summary>
    /// <param name="from">The earlier mark.</param>
    /// <param name="to">The later mark.</param>
    /// <param name="elapsedNs">ns between them; 0 where the answer is no.</param>
    /// <returns>Whether both marks have been passed.</returns>
    bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs);
}

/// <summary>A mark in a device's stream, see <see cref="IComputeDevice.RecordEvent"/>.</summary>
/// <param name="Handle">Meaningful to the device that gave it only.</param>
public readonly record struct DeviceEvent(long Handle);
