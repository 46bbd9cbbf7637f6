//! From the orders in which files keep pixels to ours: plane after plane, row by row.

/// Images of pixels with their channels side by side, plane by plane.
pub(super) fn from_channels_last<T: Copy>(values: Vec<T>, channels: usize, plane: usize) -> Vec<T> {
    if channels == 1 || plane == 0 {
        return values;
    }
    let mut planes = Vec::with_capacity(values.len());
    for image in values.chunks_exact(plane * channels) {
        for channel in 0..channels {
            planes.extend((0..plane).map(|pixel| image[pixel * channels + channel]));
        }
    }
    planes
}

/// Planes that are kept column by column, as MATLAB does, in place.
pub(super) fn from_columns<T: Copy>(values: &mut [T], height: usize, width: usize) {
    let mut columns = Vec::with_capacity(height * width);
    for plane in values.chunks_exact_mut((height * width).max(1)) {
        columns.clear();
        columns.extend_from_slice(plane);
        for (place, value) in plane.iter_mut().enumerate() {
            *value = columns[place % width * height + place / width];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_ours_afterwards() {
        let pixels = vec![1, 10, 100, 2, 20, 200, 3, 30, 230, 4, 40, 240];
        let planes = [1, 2, 10, 20, 100, 200, 3, 4, 30, 40, 230, 240];
        assert_eq!(from_channels_last(pixels.clone(), 3, 2), planes);
        assert_eq!(from_channels_last(pixels.clone(), 1, 2), pixels);
        // Two planes of two rows and three columns.
        let mut columns = [1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16];
        from_columns(&mut columns, 2, 3);
        assert_eq!(columns, [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]);
    }
}
