SELECT json_build_object('data', json_build_object('worker', (
  SELECT json_build_object(
    'id', w.id,
    'code', w.code,
    'displayName', coalesce(coalesce(w.first_name_en, w.first_name_hi)
      || coalesce(' ' || coalesce(w.initial_en, w.initial_hi) || '.', ''), 'Former worker'),
    'status', w.status,
    'yearsExperience', w.years_experience,
    'languages', w.languages,
    'location', json_build_object('latitude', w.latitude, 'longitude', w.longitude),
    'district', (
      SELECT json_build_object('name', d.name_en,
        'division', json_build_object('name', v.name_en))
      FROM district d JOIN division v ON v.id = d.division_id
      WHERE d.id = w.district_id
    ),
    'provider', (
      SELECT json_build_object(
        'name', p.name_en,
        'empanelledUntil', p.empanelled_until,
        'rating', (
          SELECT json_build_object('mean', round(r.sum::numeric / nullif(r.count, 0), 1)::float8,
            'count', r.count)
          FROM rating_summary r WHERE r.subject_id = p.id
        )
      )
      FROM provider p WHERE p.id = w.provider_id AND p.status <> 'APPLIED'
    ),
    'verifications', (
      SELECT coalesce(json_agg(json_build_object('kind', v.kind, 'verified', v.verified)
        ORDER BY v.kind), '[]')
      FROM verification v WHERE v.worker_id = w.id
    ),
    'skills', (
      SELECT coalesce(json_agg(json_build_object(
        'yearsExperience', s.years_experience,
        'nsqfLevel', s.nsqf_level,
        'verified', s.verified,
        'category', json_build_object(
          'name', c.name_en,
          'services', (
            SELECT coalesce(json_agg(json_build_object('name', x.name_en, 'unit', x.unit)
              ORDER BY x.position), '[]')
            FROM service x WHERE x.category_id = c.id
          )
        )
      ) ORDER BY s.position), '[]')
      FROM worker_skill s JOIN service_category c ON c.id = s.category_id
      WHERE s.worker_id = w.id
    ),
    'rating', (
      SELECT json_build_object('mean', round(r.sum::numeric / nullif(r.count, 0), 1)::float8,
        'count', r.count, 'histogram', r.histogram,
        'bayesian', round(r.bayesian::numeric, 3)::float8)
      FROM rating_summary r WHERE r.subject_id = w.id
    ),
    'reviews', json_build_object('nodes', (
      SELECT coalesce(json_agg(json_build_object(
        'stars', r.stars,
        'tags', r.tags,
        'text', r.text,
        'reviewerName', coalesce(r.reviewer_name_en, r.reviewer_name_hi),
        'month', to_char(r.published_month, 'YYYY-MM'),
        'reply', (
          SELECT json_build_object('text', a.text, 'month', to_char(a.replied_month, 'YYYY-MM'),
            'provider', json_build_object('name', p.name_en))
          FROM review_reply a JOIN provider p ON p.id = a.provider_id
          WHERE a.review_id = r.id
        ),
        'booking', json_build_object(
          'state', b.state,
          'completedMonth', to_char(b.completed_month, 'YYYY-MM'),
          'category', json_build_object('name', c.name_en),
          'services', (
            SELECT coalesce(json_agg(json_build_object(
              'name', x.name_en,
              'durationMinutes', x.duration_minutes,
              'category', json_build_object('slug', y.slug)
            ) ORDER BY l.position), '[]')
            FROM booking_line l
            JOIN service x ON x.id = l.service_id
            JOIN service_category y ON y.id = x.category_id
            WHERE l.booking_id = b.id
          )
        )
      ) ORDER BY r.position DESC), '[]')
      FROM (
        SELECT * FROM review
        WHERE worker_id = w.id AND state IN ('PUBLISHED', 'RESTORED')
        ORDER BY position DESC
        LIMIT 5
      ) AS r
      JOIN booking b ON b.id = r.booking_id
      JOIN service_category c ON c.id = b.category_id
    ))
  )
  FROM worker w
  WHERE w.id = $1 AND w.status IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'ERASED')
)))::text
